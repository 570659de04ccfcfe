package import Archives
internal import Files

/// Looks into one snapshot: what is in its sources, and single files.
package struct SnapshotBrowser: Sendable {
    private let reader: StoreReader
    /// The snapshot.
    package let snapshot: Snapshot

    /// A browser of an opened snapshot.
    package init(_ snapshot: Snapshot, _ reader: StoreReader) {
        self.snapshot = snapshot
        self.reader = reader
    }

    /// The source called `name` or `<kind>:<name>`. Throws `unknownSource` where there is none or more than one.
    package func source(_ name: String) throws(BackupError) -> SnapshotSource {
        let found = snapshot.sources(called: name)
        guard found.count <= 1 else {
            let names = found.map { "\($0.kind.name):\($0.name)" }.joined(separator: ", ")
            throw BackupError(.unknownSource, "several sources are called \(name): \(names)")
        }
        guard let source = found.first else {
            let names = snapshot.sources.map(\.name).joined(separator: ", ")
            throw BackupError(.unknownSource, "the snapshot has no source \(name); it has \(names)")
        }
        return source
    }

    /// Hands the entries of a source in order to `each`: all, or the one at `prefix` and those beneath it.
    ///
    /// Throws `unknownSource`, `unknownPath` where nothing is at `prefix`, `store`, `caller`.
    package func list(
        _ name: String, under prefix: [UInt8] = [], each: (Entry) throws -> Void
    ) async throws(BackupError) {
        guard let root = try source(name).root else {
            guard prefix.isEmpty else { throw BackupError(.unknownPath, "nothing was captured of \(name)") }
            return
        }
        var cursor = reader.entries(of: root, under: prefix)
        var count = 0
        do {
            while let entry = try await cursor.next() {
                try each(entry)
                count += 1
            }
        } catch {
            throw BackupError.wrapping(error)
        }
        guard count > 0 || prefix.isEmpty else {
            throw BackupError(.unknownPath, "\(name) has no \(Path(prefix))")
        }
    }

    /// Hands the content of the file at `path` to `sink`, in order, holes as zeros. The empty path is a command's
    /// output. A second name of a file gives the file's content.
    ///
    /// Throws `unknownSource`, `unknownPath`, `notAFile`, `store`, `caller`; before a failure of the store `sink` has
    /// had the content's verified beginning.
    package func cat(
        _ name: String, _ path: [UInt8], to sink: (RawSpan) throws -> Void
    ) async throws(BackupError) {
        let source = try source(name)
        let place = path.isEmpty && source.kind == .command ? Array(source.name.utf8) : path
        guard let root = source.root else {
            throw BackupError(.unknownPath, "nothing was captured of \(name)")
        }
        do {
            guard var entry = try await reader.entry(at: place, of: root) else {
                throw BackupError(.unknownPath, "\(name) has no \(Path(place))")
            }
            if case .hardLink(let target) = entry.kind,
                let file = try await reader.entry(at: target, of: root)
            {
                entry = file
            }
            guard let content = entry.content else {
                throw BackupError(.notAFile, "\(Path(place)) of \(name) is no file")
            }
            try await reader.read(content, into: sink) { byteCount in
                try SnapshotBrowser.zeros(byteCount, to: sink)
            }
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private static func zeros(_ byteCount: UInt64, to sink: (RawSpan) throws -> Void) throws {
        let block = [UInt8](repeating: 0, count: 64 << 10)
        var left = byteCount
        while left > 0 {
            let count = Int(min(left, UInt64(block.count)))
            try sink(unsafe block.span.bytes.extracting(0..<count))
            left -= UInt64(count)
        }
    }
}

extension Snapshot {
    /// The sources called `name`, or those of a kind where it is written `<kind>:<name>`. Names are compared as
    /// bytes.
    func sources(called name: String) -> [SnapshotSource] {
        let bytes = Array(name.utf8)
        let exact = sources.filter { Array($0.name.utf8) == bytes }
        guard exact.isEmpty else { return exact }
        return sources.filter { Array("\($0.kind.name):\($0.name)".utf8) == bytes }
    }
}
