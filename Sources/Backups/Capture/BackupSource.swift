package import Archives
package import Files
package import Git

/// Something of an environment that goes into its snapshots.
package enum BackupSource: Sendable {
    /// A file that is handed over as bytes: configuration, no secret.
    package struct Document: Sendable {
        /// The path beneath the source's root.
        package let path: [UInt8]
        /// The content.
        package let bytes: [UInt8]

        /// The document `bytes` at `path`.
        package init(path: [UInt8], bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }
    }

    /// A directory with what `selecting` takes of it; all by default, file systems mounted beneath it as well.
    case directory(name: String, path: Path, selecting: DirectorySelection = DirectorySelection())
    /// What a command prints, and what takes it back: recorded with it, so that a restore knows.
    case command(name: String, CommandRun, restoring: CommandRun? = nil)
    /// A Git repository with every ref, fetched into the bare mirror at `mirror` (made where it is missing, the
    /// directories above it as well).
    case repository(name: String, url: String, mirror: Path, fetching: FetchOptions = FetchOptions())
    /// The keyring, rules, settings and allowed signers as they are now.
    case documents(name: String, [Document])
    /// Such documents, gathered anew whenever the sources are captured: those of the commits that are applied then.
    case gathered(name: String, @Sendable () async throws -> [Document])
    /// A source with what goes on around its capture.
    indirect case ruled(BackupSource, SourceRules)

    /// The name, one of its kind in the environment.
    package var name: String {
        switch self {
        case .directory(let name, _, _), .command(let name, _, _), .repository(let name, _, _, _),
            .documents(let name, _), .gathered(let name, _):
            name
        case .ruled(let source, _): source.name
        }
    }

    /// What the source is in a snapshot.
    package var kind: SourceKind {
        switch self {
        case .directory: .directory
        case .command: .command
        case .repository: .repository
        case .documents, .gathered: .keyring
        case .ruled(let source, _): source.kind
        }
    }

    /// Throws `invalidSources` where names can't stand in a restored directory, a source stands twice, or paths of
    /// documents are invalid or lie beneath each other.
    static func check(_ sources: [BackupSource]) throws(BackupError) {
        guard !sources.isEmpty else { throw BackupError(.invalidSources, "no source to back up") }
        var seen: Set<[UInt8]> = []
        for source in sources {
            // `<name>.git` must be a name too.
            guard Path(source.name).isName, source.name.utf8.count <= 251 else {
                throw BackupError(.invalidSources, "a source needs a name without slashes: \(source.name)")
            }
            guard seen.insert([source.kind.rawValue] + Array(source.name.utf8)).inserted else {
                throw BackupError(.invalidSources, "two \(source.kind.name) sources: \(source.name)")
            }
            if case .documents(_, let documents) = source { try check(documents) }
        }
        guard sources.filter({ $0.kind == .keyring }).count <= 1 else {
            throw BackupError(.invalidSources, "more than one source of the keyring")
        }
    }

    /// Throws `invalidSources` where paths of documents are invalid or lie beneath each other.
    static func check(_ documents: [Document]) throws(BackupError) {
        let sorted = documents.map(\.path).sorted(by: PathOrder.precedes)
        guard sorted.allSatisfy({ PathOrder.isValid($0) && !$0.isEmpty }),
            zip(sorted, sorted.dropFirst()).allSatisfy({ !PathOrder.contains($0, $1) })
        else { throw BackupError(.invalidSources, "documents without paths of their own") }
    }
}
