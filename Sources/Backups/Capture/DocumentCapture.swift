internal import Archives

/// Takes documents into a store: a small tree, the same for the same documents.
enum DocumentCapture {
    /// Stores the documents with the directories above them. Throws `ArchiveError`.
    static func run(
        _ name: String, _ documents: [BackupSource.Document], _ writer: StoreWriter
    ) async throws(ArchiveError) -> SnapshotSource {
        var tree = EntryTreeWriter(writer)
        var made: Set<[UInt8]> = []
        for document in documents.sorted(by: { PathOrder.precedes($0.path, $1.path) }) {
            for parent in document.path.ancestors where !parent.isEmpty && made.insert(parent).inserted {
                try await tree.add(Entry(path: parent, kind: .directory, mode: 0o755))
            }
            try await tree.add(document.path, document.bytes, mode: 0o644)
        }
        return SnapshotSource(
            name: name, kind: .keyring, status: .complete, root: try await tree.finish())
    }
}

extension EntryTreeWriter {
    /// Adds the file `bytes` at `path`, without a time.
    mutating func add(_ path: [UInt8], _ bytes: [UInt8], mode: UInt16) async throws(ArchiveError) {
        var offset = 0
        let content = try await content(expectedByteCount: UInt64(bytes.count)) { room in
            let count = min(room.byteCount, bytes.count - offset)
            let part = unsafe bytes.span.bytes.extracting(offset..<(offset + count))
            unsafe room.withUnsafeMutableBytes { room in
                unsafe part.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
            }
            offset += count
            return count
        }
        try await add(Entry(path: path, kind: .file(.empty), mode: mode), content: content)
    }
}

extension [UInt8] {
    /// The paths of the directories above this path, the root's empty one first.
    var ancestors: [[UInt8]] {
        guard !isEmpty else { return [] }
        return [[]] + indices.filter { self[$0] == 0x2F }.map { Array(self[..<$0]) }
    }
}
