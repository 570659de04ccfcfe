internal import Delivery
package import Files
internal import Glibc
package import Journal
internal import Settings

/// What the runs of one environment share: its delivered source, journal and audit log.
struct SyncParts {
    let settings: SourceSettings
    let journal: JournalFile
    let audit: AuditLog
    /// What this run approved.
    let approvals = ApprovedCommits()

    /// Makes what is missing in the state directory.
    init(_ request: EnvironmentSync.Request) throws {
        guard let settings = request.environment.deliveredSource else {
            throw DeliveryError(.unusableRequest, "\(request.environment.name): no source")
        }
        self.settings = settings
        let memory = try request.memory ?? StateMemory(request.state)
        journal = memory.journal
        audit = memory.audit
    }
}

extension EnvironmentSettings {
    /// The source whose commits are delivered.
    var deliveredSource: SourceSettings? { sources.first(where: \.isDelivered) }
    /// The sources whose commits count together with those.
    var companionSources: [SourceSettings] { sources.filter { !$0.isDelivered } }
}

/// What a state directory remembers, opened.
package struct StateMemory: Sendable {
    /// What happened.
    package let journal: JournalFile
    /// Who opened and decided what.
    package let audit: AuditLog

    /// Opens both in the directory `state`, and makes what is missing.
    package init(_ state: String) throws {
        try StateMemory.requireOurs(Path(state))
        try StateMemory.requireOurs(StateFiles.audit(state))
        journal = try JournalFile.open(StateFiles.journal(state))
        audit = try AuditLog(in: StateFiles.audit(state))
    }
}

extension StateMemory {
    /// Makes the directory where it is missing. Throws `unusableRequest` where another user owns it or may write there:
    /// he would have journal, pins and audit log say what he likes.
    private static func requireOurs(_ path: Path) throws {
        let facts = try Directory.makePath(path).metadata()
        let owner = facts.owner.user
        guard owner == geteuid() || owner == 0 else {
            throw DeliveryError(
                .unusableRequest,
                "\(path): belongs to user \(owner): what is remembered there can't be trusted")
        }
        guard facts.mode & 0o022 == 0 else {
            throw DeliveryError(
                .unusableRequest,
                "\(path): others can write there, and what is remembered there can't be trusted: chmod go-w \(path)"
            )
        }
    }
}

/// Where things lie in a state directory.
package enum StateFiles {
    /// The journal.
    package static func journal(_ state: String) -> String { state + "/journal.sqlite" }
    /// The directory of the audit log.
    package static func audit(_ state: String) -> Path { Path(state + "/audit") }
    /// The directory of the canaries that backups planted.
    package static func canaries(_ state: String) -> Path { Path(state + "/canaries") }
    /// The directory of what captures remember.
    package static func captures(_ state: String) -> Path { Path(state + "/captures") }
    /// The directory of pins.
    package static func pins(_ state: String) -> String { state + "/pins" }
    /// The socket on which the service answers, where the settings name none.
    package static func socket(_ state: String) -> String { state + "/api.sock" }
}
