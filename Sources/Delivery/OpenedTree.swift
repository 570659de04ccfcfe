internal import Files
package import Git

/// What a verified commit says of an environment, opened: every file that is to be delivered, in byte order of
/// the paths. Made only by opening a `VerifiedCommit`; the contents leave only towards a target.
package struct OpenedTree: Sendable {
    /// The source's name.
    package let source: String
    /// The environment's name.
    package let environment: String
    /// The commit.
    package let commit: ObjectID
    /// The files.
    package let files: [OpenedFile]
    /// What is not delivered and why, for people: submodules.
    package let notices: [String]
    /// The epochs that the commit's keyring calls closed, ascending.
    package let closedEpochs: [UInt64]
    /// What the files' fingerprints were made with.
    let digest: ContentDigest

    /// Directories above a delivered file.
    static let depthLimit = GitLimits.treeDepth + 1

    init(
        source: String, environment: String, commit: ObjectID, files: [OpenedFile], notices: [String],
        closedEpochs: [UInt64] = [], digest: ContentDigest
    ) {
        self.source = source
        self.environment = environment
        self.commit = commit
        self.files = files.sorted { $0.path < $1.path }
        self.notices = notices
        self.closedEpochs = closedEpochs
        self.digest = digest
    }
}
