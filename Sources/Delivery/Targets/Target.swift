internal import Files

/// Somewhere that an opened tree is delivered to.
package enum Target: Sendable {
    /// A directory.
    case files(FilesTarget)
    /// A program that is handed the files.
    case command(CommandTarget)
    /// The credentials that systemd's units ask for.
    case credentials(CredentialTarget)

    /// What messages and receipts call it: the directory of files, the name of a command, the socket of credentials.
    package var name: String {
        switch self {
        case .files(let target): target.directory.description
        case .command(let target): target.name
        case .credentials(let target): target.name
        }
    }

    /// Which of a tree's files it gets.
    package var contents: TargetContents {
        switch self {
        case .files(let target): target.contents
        case .command(let target): target.contents
        case .credentials: TargetContents()
        }
    }

    /// Whether both are one target, or one lies in the other, as their paths are written.
    func overlaps(_ other: Target) -> Bool {
        switch (self, other) {
        case (.files(let mine), .files(let theirs)):
            let (mine, theirs) = (mine.directory.components, theirs.directory.components)
            return mine.starts(with: theirs) || theirs.starts(with: mine)
        case (.command(let mine), .command(let theirs)): return mine.name == theirs.name
        case (.credentials(let mine), .credentials(let theirs)): return mine.store === theirs.store
        default: return false
        }
    }

    /// What delivering `tree` would change, seen without lock, clean-up or any other trace on disk. `tree` is what the
    /// target gets: see `OpenedTree.arranged(for:)`.
    package func preview(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        switch self {
        case .files(let target): try target.preview(tree)
        case .command(let target): try CommandExchange(target, tree).plan()
        case .credentials(let target): try target.plan(tree)
        }
    }

    /// How what stands at the target differs from `tree`, without handing over a value where that can be avoided: a
    /// command is told keyed digests alone.
    package func observe(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        guard case .command(let target) = self else { return try preview(tree) }
        return try CommandExchange(target, tree).observe()
    }
}
