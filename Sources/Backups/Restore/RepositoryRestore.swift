internal import Archives
package import Files
internal import Git

/// Makes a bare repository of a source's facts and bundles.
enum RepositoryRestore {
    /// What was made.
    struct Outcome {
        /// The bytes of the bundles.
        let byteCount: UInt64
        /// Refs that are left out, for others are below them: no repository's files can hold both.
        let issues: [RestoreIssue]
    }

    /// Makes the repository at `path`, whose parent is there.
    ///
    /// Throws `GitError` for bundles, names and refs that can't be, `ArchiveError`, `FileError`; those of a bundle say which.
    static func run(_ root: NodeID, _ reader: StoreReader, at path: Path) async throws -> Outcome {
        let chain = try await RepositoryChain(root, reader)
        let (references, leftOut) = try References.restorable(chain.facts)
        let repository = try Repository.create(at: path)
        let byteCount = try await chain.apply(to: repository)
        try repository.setReferences(references)
        let issues = leftOut.map { entry in
            RestoreIssue(
                entry.name.bytes, .refused,
                "this ref is left out, for others are below it; the repository has its object, \(entry.target)"
            )
        }
        return Outcome(byteCount: byteCount, issues: issues)
    }
}

/// Looks through a repository that was restored, as `git fsck --full` does.
package enum RepositoryCheck {
    /// What was found.
    package struct Outcome: Sendable {
        /// Objects whose hashes were compared.
        package let objectCount: Int
        /// What is wrong, in words; empty where all is well.
        package let problems: [String]
    }

    /// Reads every object of the bare repository at `path` and follows each ref. Blocks. Throws `git` where that can't be done.
    package static func run(at path: Path) throws(BackupError) -> Outcome {
        do throws(GitError) {
            let findings = try Repository(at: path).check()
            return Outcome(objectCount: findings.objectCount, problems: findings.problems)
        } catch {
            throw BackupError.wrapping(error)
        }
    }
}

extension References {
    /// The refs and HEAD that `facts` keep, tips that were lost among them, and those that can't be beside others.
    fileprivate static func restorable(
        _ facts: RepositoryFacts
    ) throws(GitError) -> (references: References, leftOut: [Entry]) {
        var entries: [Entry] = []
        for reference in facts.references + facts.lost {
            guard let id = ObjectID(reference.target) else {
                throw GitError(.invalidObjectID, "a ref that names no object")
            }
            entries.append(Entry(try ReferenceName(reference.name), id))
        }
        let symbolic = Array("ref: ".utf8)
        guard facts.head.starts(with: symbolic) else {
            return try leavingOutDirectories(entries, head: .detached(try ObjectID(hex: facts.head)))
        }
        let head = try ReferenceName(facts.head.dropFirst(symbolic.count))
        return try leavingOutDirectories(entries, head: .symbolic(head))
    }
}

extension GitError {
    /// Whether the cause lies with the disk or the library, not with what was to be made.
    var isOfThisMachine: Bool {
        switch code {
        case .libraryFailed, .ioFailed, .locked, .library, .stoppedByCaller, .repositoryExists: true
        default: false
        }
    }
}
