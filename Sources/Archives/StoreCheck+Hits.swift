extension StoreCheck {
    /// Finds what of a snapshot can't be restored: files that a chunk is lost of, and where entries are lost. Needs `read`.
    mutating func findHits(_ snapshot: Snapshot) async throws(ArchiveError) {
        for source in snapshot.sources {
            guard let root = source.root else { continue }
            var open: [(node: NodeID, path: [UInt8])] = [(root, [])]
            while let (node, path) = open.popLast() {
                guard report.hits.count < CheckReport.hitLimit else { return }
                guard !isWhole(node) else { continue }
                func hit(_ path: [UInt8], isFile: Bool) {
                    report.hits.append(
                        .init(snapshot: snapshot.record.id, source: source.name, path: path, isFile: isFile))
                }
                do throws(ArchiveError) {
                    let place = try soundPlace(index.places(of: node), .node(node))
                    switch try await reader.node(node, at: place) {
                    case .entries(let entries):
                        for entry in entries {
                            guard let content = entry.content, !isWhole(content) else { continue }
                            hit(entry.path, isFile: true)
                        }
                    case .entryBranches(_, let branches):
                        open += branches.reversed().map { ($0.node, $0.firstPath) }
                    case .segments, .segmentBranches: hit(path, isFile: false)
                    }
                } catch {
                    guard error.tellingBadFiles.code != .storage else { throw error }
                    hit(path, isFile: false)
                }
            }
        }
    }

    /// Whether everything beneath the node is there.
    private func isWhole(_ node: NodeID) -> Bool {
        index.places(of: node).contains { whole.contains($0.row) }
    }

    private func isWhole(_ content: Content) -> Bool {
        switch content.storage {
        case .tree(let node): isWhole(node)
        case .segments(let segments):
            segments.allSatisfy { segment in
                guard case .chunk(let id, _, _) = segment else { return true }
                return index.places(of: id).contains { sound.contains($0.row) }
            }
        }
    }
}
