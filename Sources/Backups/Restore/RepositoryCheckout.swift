package import Archives
internal import Encodings
package import Files
internal import Git

/// The files of one commit out of a repository of a snapshot: the desired state of that moment, without any live state.
package enum RepositoryCheckout {
    /// What was written.
    package struct Outcome: Sendable {
        /// Directories, files and links.
        package fileprivate(set) var entryCount = 0
        /// Bytes of files.
        package fileprivate(set) var byteCount: UInt64 = 0
        /// What is missing: submodules, and names that can't be made here.
        package fileprivate(set) var issues: [RestoreIssue] = []
    }

    /// Writes the tree of `commit` (20 bytes) into `directory`, which is empty, by handles alone: nothing is made outside of it,
    /// and no link followed. Files get 0644 or 0755, directories 0755, links their target's bytes; no filter is applied.
    ///
    /// A bare repository is made at `scratch`, whose parent is there, and removed again; of the bundles, those that the commit
    /// needs are read. Throws `unknownCommit` where the repository does not hold it, `store`, `git`, `files`.
    package static func run(
        _ commit: [UInt8], of source: SnapshotSource, from reader: StoreReader, scratch: Path,
        into directory: borrowing Directory
    ) async throws(BackupError) -> Outcome {
        let chain = try await RepositoryChain(source, reader)
        do {
            guard let id = ObjectID(commit), let position = try await chain.position(of: commit) else {
                throw BackupError(
                    .unknownCommit, "\(source.name) does not hold commit \(Hex.encode(commit))")
            }
            let repository = try Repository.create(at: scratch)
            defer { if let parent = try? Directory(scratch.parent) { try? parent.removeTree(scratch.name) } }
            _ = try await chain.apply(to: repository, before: position + 1)
            return try write(try repository.commit(id).tree, repository, into: directory)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private static func write(
        _ tree: ObjectID, _ repository: Repository, into directory: borrowing Directory
    ) throws -> Outcome {
        var outcome = Outcome()
        for entry in try repository.walk(tree: tree) {
            let made: Result<Int, GitError>
            do throws(FileError) {
                made = try make(entry, repository, in: directory)
            } catch {
                guard [.limit, .invalidName, .notFound, .exists].contains(error.code) else { throw error }
                outcome.issues.append(RestoreIssue(entry.path, .refused, error.description))
                continue
            }
            outcome.byteCount += UInt64(try made.get())
            outcome.entryCount += 1
            if entry.mode == .submodule {
                outcome.issues.append(
                    RestoreIssue(entry.path, .skipped, "a submodule, whose content is elsewhere"))
            }
        }
        return outcome
    }

    /// Makes one entry. Its bytes; what Git throws is handed back, for the file system's errors are told apart.
    private static func make(
        _ entry: TreeWalkEntry, _ repository: Repository, in directory: borrowing Directory
    ) throws(FileError) -> Result<Int, GitError> {
        let path = Path(entry.path)
        switch entry.mode {
        case .directory, .submodule:
            try directory.makeDirectory(path, mode: 0o755)
            return .success(0)
        case .symbolicLink, .file, .executable:
            let bytes: [UInt8]
            do throws(GitError) {
                bytes = try repository.blob(entry.id)
            } catch {
                return .failure(error)
            }
            guard entry.mode != .symbolicLink else {
                try directory.makeSymbolicLink(path, to: Path(bytes))
                return .success(0)
            }
            let file = try directory.createFile(path, mode: entry.mode == .executable ? 0o755 : 0o644)
            try unsafe file.write(bytes.span.bytes)
            return .success(bytes.count)
        }
    }
}

/// One bundle of a whole repository of a snapshot, for plain Git.
package enum RepositoryExport {
    /// Hands a Git bundle with every ref and HEAD, and no prerequisite, to `sink`, in order. Returns the refs that it can't
    /// have, for others are below them.
    ///
    /// A bare repository is made at `scratch`, whose parent is there, and removed again. Throws `unknownSource` where the source is
    /// no repository, `notAFile` where it has no ref and so no bundle, `store`, `git`, `files`, `caller` with what `sink`
    /// threw.
    package static func run(
        _ source: SnapshotSource, from reader: StoreReader, scratch: Path, to sink: (RawSpan) throws -> Void
    ) async throws(BackupError) -> [RestoreIssue] {
        guard source.kind == .repository, let root = source.root else {
            throw BackupError(.unknownSource, "\(source.name) is no repository that was captured")
        }
        do {
            defer { if let parent = try? Directory(scratch.parent) { try? parent.removeTree(scratch.name) } }
            let issues = try await RepositoryRestore.run(root, reader, at: scratch).issues
            let bundles = try BundleSource(at: scratch)
            guard let header = bundles.wholeHeader else {
                throw BackupError(.notAFile, "\(source.name) has no ref: Git makes no bundle of nothing")
            }
            _ = try bundles.write(header, to: sink)
            return issues.map { issue in
                RestoreIssue(
                    issue.path, issue.kind,
                    "this ref is left out, for others are below it; a restored repository has its object")
            }
        } catch {
            throw BackupError.wrapping(error)
        }
    }
}
