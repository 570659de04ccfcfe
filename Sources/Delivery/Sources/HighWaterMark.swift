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
        return isHigher == true ? .aside : .back
    }

    private func version(of tag: ReferenceName?) -> SemanticVersion? {
        tag.flatMap { SemanticVersion(tag: $0.tagBytes) }
    }
}

extension ReferenceName {
    /// The name of a tag, without `refs/tags/`.
    var tagBytes: [UInt8] { Array(bytes.dropFirst("refs/tags/".utf8.count)) }
}
