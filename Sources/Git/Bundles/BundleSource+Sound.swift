extension BundleSource {
    /// So many objects that refs name may be broken, or lack something, until the repository counts as broken itself.
    private static let flawLimit = 64
    private static let flawCodes: Set<GitError.Code> = [
        .objectMissing, .damaged, .wrongObjectType, .malformedCommit, .malformedTree, .malformedTag,
    ]

    /// The source without the refs, and without a detached HEAD, of whose objects some are missing or broken: `flaws` has them.
    ///
    /// Reads every object that the refs reach. Nil where none is broken, none is sound, or refs changed meanwhile: then it is
    /// a repository in motion. Blocks.
    package func sound() throws(GitError) -> BundleSource? {
        var flaws: [ReferenceFlaw] = []
        var judged: [ObjectID: String?] = [:]
        var known: Set<ObjectID> = []
        func judge(_ id: ObjectID, _ name: [UInt8]) throws(GitError) -> Bool {
            let reason: String?
            if let found = judged[id] {
                reason = found
            } else {
                reason = try flaw(of: id, &known)
                judged[id] = .some(reason)
            }
            guard let reason else { return true }
            flaws.append(ReferenceFlaw(name: name, reason: reason))
            guard judged.values.count(where: { $0 != nil }) <= BundleSource.flawLimit else {
                throw GitError(
                    .damaged, "more than \(BundleSource.flawLimit) broken refs; of the last one: \(reason)")
            }
            return false
        }
        var entries: [References.Entry] = []
        for entry in references.entries where try judge(entry.target, entry.name.bytes) {
            entries.append(entry)
        }
        var head = references.head
        if case .detached(let id) = head, try !judge(id, Array("HEAD".utf8)) {
            head = .symbolic(try ReferenceName("refs/heads/main"))
        }
        var isEmpty = entries.isEmpty
        if case .detached = head { isEmpty = false }
        guard !flaws.isEmpty, !isEmpty else { return nil }
        guard try repository.soundReferences().references.isSuperset(of: references) else { return nil }
        return BundleSource(self, try References(entries, head: head), flaws)
    }

    /// Why what `id` reaches is not whole; nil where it is, and belongs to `known` then.
    private func flaw(of id: ObjectID, _ known: inout Set<ObjectID>) throws(GitError) -> String? {
        var visited: [ObjectID] = []
        let before = known
        do throws(GitError) {
            try repository.withHandle { handle throws(GitError) in
                try handle.walkObjects(from: [id], isKnown: before.contains) { link throws(GitError) in
                    // Commits, trees and tags were read for what they name.
                    if link.type == .blob {
                        try handle.withObject(link.id, expecting: .blob, limit: Int.max) {
                            (_, _) throws(GitError) in
                        }
                    }
                    visited.append(link.id)
                }
            }
        } catch {
            guard BundleSource.flawCodes.contains(error.code) else { throw error }
            return error.context
        }
        known.formUnion(visited)
        return nil
    }
}

extension References {
    /// Whether all of `other` is here as it is there.
    fileprivate func isSuperset(of other: References) -> Bool {
        head == other.head && other.entries.allSatisfy { self[$0.name] == $0.target }
    }
}
