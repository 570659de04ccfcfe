extension StoreWriter {
    /// Whether all chunks of `content` are in the store, on the word of agents of this one's trust group: what an
    /// agent remembers may name what prune has removed. Reads the chunk lists of long contents.
    package func holds(_ content: Content) async throws(ArchiveError) -> Bool {
        switch content.storage {
        case .segments(let segments):
            for segment in segments {
                if case .chunk(let id, _, _) = segment, !isKnown(.chunk(id)) { return false }
            }
            return true
        case .tree(let node):
            return try await holds(node)
        }
    }

    /// Whether a leaf is in the store with all that it names, on the same word.
    func holds(_ leaf: TreeLeaf) async throws(ArchiveError) -> Bool {
        guard isKnown(.node(leaf.node)) else { return false }
        for child in leaf.children {
            switch child {
            case .chunk: guard isKnown(child) else { return false }
            case .node(let id): guard try await holds(id) else { return false }
            }
        }
        return true
    }

    private func holds(_ node: NodeID) async throws(ArchiveError) -> Bool {
        var open = [node]
        var seen: Set<NodeID> = []
        while let next = open.popLast() {
            guard seen.insert(next).inserted else { continue }
            guard isKnown(.node(next)) else { return false }
            // A node of this session was added after its children.
            guard let place = reliedPlace(of: next) else { continue }
            let children: [Node.Child]
            do throws(ArchiveError) {
                children = try await NodeSource(keys: keys, index: index).children(of: next, at: place)
            } catch {
                guard error.code == .damaged || error.code == .absent || error.code == .unsupported else {
                    throw error
                }
                await distrust(place)
                return false
            }
            for child in children {
                switch child {
                case .chunk: guard isKnown(child) else { return false }
                case .node(let id): open.append(id)
                }
            }
        }
        return true
    }
}
