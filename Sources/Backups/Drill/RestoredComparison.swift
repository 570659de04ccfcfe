internal import Archives
internal import Files

/// Compares what was restored with what the store holds, byte by byte.
struct RestoredComparison {
    /// What was compared, and what is not as it should be.
    struct Result {
        /// Files whose bytes were compared.
        var fileCount = 0
        /// What differs, in words; bounded.
        var differences: [String] = []

        /// So many differences are listed.
        static let limit = 20
    }

    let reader: StoreReader

    /// The bytes that differ; the rest of the file is not looked at.
    private struct Difference: Error {}

    /// Names that are looked up in one call: of 255 bytes each, they are no longer than a path may be (PATH_MAX).
    private static let namesAtOnce = 15
    private static let blockByteCount: UInt64 = 1 << 18

    /// Compares the files and links of the tree `root` with those in the directory at `path`. Throws `ArchiveError`.
    func compare(_ root: NodeID, with path: Path) async throws -> Result {
        var result = Result()
        var cursor = reader.entries(of: root)
        while let entry = try await cursor.next() {
            guard result.differences.count < Result.limit else { break }
            switch entry.kind {
            case .file(let content):
                result.fileCount += 1
                if try await !isSame(content, path, Path(entry.path)) {
                    result.differences.append("\(Path(entry.path)) differs")
                }
            case .symbolicLink(let target):
                let name = Path(entry.path)
                let found = try? RestoredComparison.holder(of: name, in: path).readLink(name.name)
                if found?.bytes != target { result.differences.append("\(Path(entry.path)) differs") }
            default: continue
            }
        }
        return result
    }

    /// Whether the file `name` in the directory at `path` has exactly the bytes of `content`.
    func isSame(_ content: Content, _ path: Path, _ name: Path) async throws -> Bool {
        guard let file = try? RestoredComparison.holder(of: name, in: path).openFile(name.name),
            let metadata = try? file.metadata(),
            metadata.byteCount == Int64(clamping: content.byteCount)
        else { return false }
        var offset: Int64 = 0
        do throws(ArchiveError) {
            try await reader.read(content) { span in
                let bytes = try file.read(span.byteCount, at: offset)
                guard span.array == bytes else { throw Difference() }
                offset += Int64(bytes.count)
            } hole: { count in
                var left = count
                while left > 0 {
                    let part = min(left, RestoredComparison.blockByteCount)
                    let bytes = try file.read(Int(part), at: offset)
                    guard bytes.count == Int(part), bytes.allSatisfy({ $0 == 0 }) else { throw Difference() }
                    offset += Int64(part)
                    left -= part
                }
            }
            return true
        } catch {
            guard error.code == .consumer else { throw error }
            return false
        }
    }

    /// The directory that holds `name` beneath the one at `path`, however deep it lies.
    private static func holder(of name: Path, in path: Path) throws(FileError) -> Directory {
        var directory = try Directory(path)
        var names = name.components.dropLast()
        while !names.isEmpty {
            let some = names.prefix(namesAtOnce)
            directory = try directory.openDirectory(Path(Array(some.map(\.bytes).joined(separator: [0x2F]))))
            names = names.dropFirst(namesAtOnce)
        }
        return directory
    }
}
