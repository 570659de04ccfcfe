package import Git

/// The last commit of a source and revision that was delivered, as the caller remembers it: what is pulled next must
/// not lie before it.
package struct HighWaterMark: Sendable, Hashable {
    /// The commit.
    package let commit: ObjectID
    /// The tag that named it, where a tag or version was followed; its version must not fall.
    package let tag: ReferenceName?

    /// A mark of these values.
    package init(commit: ObjectID, tag: ReferenceName? = nil) {
        self.commit = commit
        self.tag = tag
    }

    /// How another commit lies to the marked one.
    enum Way {
        /// It is the same, or descends from it.
        case forward
        /// It does not descend from it, and is of a higher version.
        case aside
        /// Neither.
        case back
    }

    /// The way from here to `head`, which `tag` led to. Versions of two release branches need not descend from each
    /// other; one version names one commit for good. History that can't be read leads nowhere.
    func way(
        to head: ObjectID, tag: ReferenceName?, in repository: Repository
    ) throws(GitError) -> Way {
        guard head != commit else { return .forward }
        var isHigher: Bool?
        if let mine = version(of: self.tag), let theirs = version(of: tag) { isHigher = mine < theirs }
        guard isHigher != false else { return .back }
        do throws(GitError) {
            if try repository.contains(commit), try repository.isAncestor(commit, of: head) {
                return .forward
            }
        } catch {
            guard error.code == .malformedCommit else { throw error }
        }
        // A higher number on what lies before is the old under a new name.
        guard isHigher == true, try !isBefore(head, in: repository) else { return .back }
        return .aside
    }

    /// Whether the marked commit descends from `head`. What is not there descends from nothing.
    func isBefore(_ head: ObjectID, in repository: Repository) throws(GitError) -> Bool {
        guard try repository.contains(commit) else { return false }
        return try repository.isAncestor(head, of: commit)
    }

    /// The tag to remember once `head`, which `tag` led to, is delivered: never a lower version of the same commit.
    func remembered(_ tag: ReferenceName?, for head: ObjectID) -> ReferenceName? {
        guard head == commit, let mine = version(of: self.tag), let theirs = version(of: tag), theirs < mine
        else {
            return tag
        }
        return self.tag
    }

    private func version(of tag: ReferenceName?) -> SemanticVersion? {
        tag.flatMap { SemanticVersion(tag: $0.tagBytes) }
    }
}

extension ReferenceName {
    /// The name of a tag, without `refs/tags/`.
    var tagBytes: [UInt8] { Array(bytes.dropFirst("refs/tags/".utf8.count)) }
}
