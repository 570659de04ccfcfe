internal import Delivery
internal import Encodings
internal import Git
internal import Journal
internal import Synchronization

/// Notes which commits a run approved, to record all of them or none.
final class ApprovedCommits: Sendable {
    private let commits = Mutex<[VerifiedCommit]>([])

    /// These are approved together, the delivered one first.
    func note(_ commits: [VerifiedCommit]) { self.commits.withLock { $0 = commits } }

    /// The full name of the tag that the delivered commit was chosen by.
    var tag: String? { commits.withLock { $0.first?.pulled.markTag?.description } }

    /// The commits of the other sources.
    var companions: [EnvironmentSync.CompanionCommit] {
        commits.withLock { commits in
            commits.dropFirst().map {
                EnvironmentSync.CompanionCommit(source: $0.pulled.source.name, commit: "\($0.pulled.id)")
            }
        }
    }

    /// What the journal keeps of the other sources.
    func records(
        _ environment: String, _ now: Timestamp, _ outcome: SyncRecord.Outcome
    ) -> [(sync: SyncRecord, isMarking: Bool)] {
        commits.withLock { commits in
            commits.dropFirst().map { commit in
                let source = commit.pulled.source
                var sync = SyncRecord(
                    environment: environment, source: source.name, url: source.location.description,
                    ref: source.ref, commit: "\(commit.pulled.id)", time: now, outcome: outcome,
                    message: "approved together")
                sync.tag = commit.pulled.markTag?.description
                return (sync, source.isFollowing)
            }
        }
    }
}
