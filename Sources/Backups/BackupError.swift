// Live state into a store and out again. A tour:
//
//   BackupSource     what is backed up: a directory, a command's output, a repository, documents
//   BackupRun        all sources of an environment -> one snapshot -> BackupOutcome
//   RestorePlan      which snapshot, and by which rule: nothing is touched yet
//   Restore          a plan -> a staging directory -> in place -> RestoreReport
//   SnapshotBrowser  entries and single files of a snapshot
package import Archives
package import Files
internal import Git
internal import Tar

/// Why a backup or a restore gave no result. Carries names and places, never content or keys.
package struct BackupError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: String, Sendable {
        /// The store failed, or holds what can't be read: `underlying` is the `ArchiveError`.
        case store
        /// The place of a restore failed: `underlying` is the `FileError`.
        case files
        /// A repository that is being restored failed for a reason of this machine: `underlying` is the `GitError`.
        case git
        /// What the caller handed in failed (revisions, a sink, a record): `underlying` is its error.
        case caller
        /// The list of sources can't be backed up: a name that is no name, one twice, documents in each other's way.
        case invalidSources
        /// A text that can't name a snapshot or a commit.
        case malformedSelection
        /// The store holds no snapshot that fits.
        case noSnapshot
        /// No snapshot was taken at this commit; `candidates` are the newest of the others.
        case unknownCommit
        /// More than one snapshot or commit begins like this; `candidates` are theirs.
        case ambiguous
        /// The snapshot has no such source, or more than one.
        case unknownSource
        /// The source has no such entry.
        case unknownPath
        /// The entry is no file.
        case notAFile
        /// The place of a restore is neither absent nor an empty directory.
        case occupied
        /// An entry was refused where all of a source was to be restored.
        case notWhole
        /// Another restore into the same place is under way.
        case busy
    }

    /// The fact.
    package let code: Code
    /// What it is about, in words.
    package let context: String
    /// The cause below, where there is one.
    package let underlying: (any Error)?
    /// Snapshots that may have been meant, newest first.
    package let candidates: [SnapshotRecord]
    /// Where a restore that was cut off left what the next one goes on with; nil where nothing is left.
    package let left: Path?

    /// Makes an error for `code` about `context`.
    package init(
        _ code: Code, _ context: String, underlying: (any Error)? = nil, candidates: [SnapshotRecord] = [],
        left: Path? = nil
    ) {
        self.left = left
        self.code = code
        self.context = context
        self.underlying = underlying
        self.candidates = candidates
    }

    /// The error for whatever was thrown below; one of this module's stays as it is.
    static func wrapping(_ error: any Error) -> BackupError {
        switch error {
        case let error as BackupError: return error
        case let error as ArchiveError:
            // What the store was asked to call failed, not the store.
            if error.code == .consumer || error.code == .source, let cause = error.underlying {
                return wrapping(cause)
            }
            return BackupError(.store, error.context, underlying: error)
        case let error as FileError: return BackupError(.files, error.description, underlying: error)
        case let error as GitError:
            if error.code == .stoppedByCaller, let cause = error.underlying { return wrapping(cause) }
            return BackupError(.git, error.context, underlying: error)
        case let error as TarError where error.underlying != nil:
            return wrapping(error.underlying ?? error)
        case is CancellationError:
            return BackupError(.caller, "stopped before its end", underlying: error)
        default: return BackupError(.caller, "\(type(of: error))", underlying: error)
        }
    }
}
