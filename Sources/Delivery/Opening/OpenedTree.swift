package import Files
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
    /// The Kubernetes objects that rendering gave, `group/kind/namespace/name` each, in byte order; empty where nothing
    /// was rendered.
    package let objects: [Path]
    /// What the files' fingerprints were made with.
    let digest: ContentDigest
    /// The files that secrets came from: what must not be shown is found in them.
    let secrets: [OpenedFile]

    /// Directories above a delivered file.
    static let depthLimit = GitLimits.treeDepth + 1

    init(
        source: String, environment: String, commit: ObjectID, files: [OpenedFile], notices: [String],
        closedEpochs: [UInt64] = [], digest: ContentDigest, objects: [Path] = [], secrets: [OpenedFile]? = nil
    ) {
        self.source = source
        self.environment = environment
        self.commit = commit
        self.files = files.sorted { $0.path < $1.path }
        self.notices = notices
        self.closedEpochs = closedEpochs
        self.digest = digest
        self.objects = objects.sorted()
        self.secrets = secrets ?? files.filter { $0.origin != .plain }
    }

    /// Another choice of files of the same commit.
    init(copying tree: OpenedTree, files: [OpenedFile]) {
        self.init(
            source: tree.source, environment: tree.environment, commit: tree.commit, files: files,
            notices: tree.notices, closedEpochs: tree.closedEpochs, digest: tree.digest,
            objects: tree.objects, secrets: tree.secrets)
    }
}
