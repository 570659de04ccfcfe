internal import Archives
internal import Encodings
internal import Files
internal import Git

/// The history of one repository as a snapshot holds it: which commits there are, and which stand before which.
struct CommitHistory {
    /// The repository's name as a source.
    let source: String
    /// The snapshot that holds it.
    let record: SnapshotRecord
    private let graph: CommitGraph

    /// Brings the repositories called `names` (all where there is none) of the newest of `records` that holds each into
    /// `scratch`, an empty directory, and reads their commits. `records` come newest first.
    static func read(
        _ names: [String]?, of records: [SnapshotRecord], _ reader: StoreReader, scratch: Path
    ) async throws -> [CommitHistory] {
        var histories: [CommitHistory] = []
        var seen: Set<[UInt8]> = []
        for record in records where record.header.status != .failed {
            try Task.checkCancellation()
            for source in try await reader.open(record).sources where source.kind == .repository {
                let name = Array(source.name.utf8)
                let isMeant = names?.contains { Array($0.utf8) == name } ?? true
                guard isMeant, let root = source.root, seen.insert(name).inserted else { continue }
                let path = scratch.appending(Path("\(histories.count).git"))
                _ = try await RepositoryRestore.run(root, reader, at: path)
                histories.append(
                    try CommitHistory(source: source.name, record: record, Repository(at: path)))
            }
            if let names, seen.count == Set(names.map { Array($0.utf8) }).count { break }
        }
        return histories
    }

    private init(source: String, record: SnapshotRecord, _ repository: Repository) throws {
        self.source = source
        self.record = record
        let references = try repository.references()
        graph = try repository.graph(from: references.entries.map(\.target))
    }

    /// The commits whose ids begin with these hexadecimal digits.
    func commits(beginningWith digits: String) -> [[UInt8]] {
        graph.nodes.map(\.id.bytes).filter { Hex.encode($0).hasPrefix(digits) }
    }

    /// Whether `ancestor` is `commit` or stands before it; false where one of them is not in the history.
    func isAncestor(_ ancestor: [UInt8], of commit: [UInt8]) -> Bool {
        guard let first = position(ancestor), let second = position(commit) else { return false }
        return graph.isAncestor(first, of: second)
    }

    private func position(_ commit: [UInt8]) -> Int? { ObjectID(commit).flatMap { graph.position(of: $0) } }
}
