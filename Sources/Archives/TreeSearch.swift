/// Looks for entries in many trees. What was found in a node is remembered: a subtree that trees share is read once.
package struct TreeSearch {
    private let reader: StoreReader
    private let isWanted: (Entry) -> Bool
    private var known: [NodeID: [Entry]] = [:]
    /// Nodes that can't be read, each once: what they hold was not looked at.
    package private(set) var failures: [ArchiveError] = []

    /// Looks for entries that `isWanted` takes: by what they are alone, as its answers are remembered.
    package init(_ reader: StoreReader, where isWanted: @escaping (Entry) -> Bool) {
        self.reader = reader
        self.isWanted = isWanted
    }

    /// The wanted entries of the tree at `root`, in order. Throws `keyNeeded`, `storage`.
    package mutating func entries(of root: NodeID) async throws(ArchiveError) -> [Entry] {
        if let found = known[root] { return found }
        guard !Task.isCancelled else { throw ArchiveError(.cancelled, "search") }
        var found: [Entry] = []
        do throws(ArchiveError) {
            switch try await reader.node(root) {
            case .entries(let leaf): found = leaf.filter(isWanted)
            case .entryBranches(_, let branches):
                for branch in branches where branch.node != root {
                    found += try await entries(of: branch.node)
                }
            case .segments, .segmentBranches:
                throw ArchiveError.damaged("tree: a chunk list among entries")
            }
        } catch {
            guard error.code == .damaged || error.code == .absent else { throw error }
            failures.append(error)
        }
        known[root] = found
        return found
    }
}
