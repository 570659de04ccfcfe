internal import Delivery
package import Encodings
internal import Journal
package import Keyrings
internal import Settings

/// Credentials of one environment's units, opened from the newest approved commit and served from memory; its other
/// targets are left alone.
package struct CredentialService: Sendable {
    private let sync: EnvironmentSync
    private let sockets: CredentialSockets

    /// A service for the environment of `request`. Throws `unusableRequest` where it serves no credentials.
    package init(
        _ request: EnvironmentSync.Request, identities: [MemberIdentity],
        signers: @escaping @Sendable (String) throws -> [UInt8]
    ) throws {
        guard let sockets = CredentialSockets(request.environment) else {
            throw DeliveryError(
                .unusableRequest, "\(request.environment.name): no target that serves credentials")
        }
        var own = request
        own.environment.targets = request.environment.targets.filter { target in
            if case .credentials = target { true } else { false }
        }
        self.sockets = sockets
        sync = EnvironmentSync(own, identities: identities, credentials: sockets.store, signers: signers)
    }

    /// Opens what the source shows now and serves it from then on: the counts in words, where anything changed. Where it
    /// throws, what was served before still is; with `reloadFailed` the new is.
    package func refresh(at now: Timestamp) throws -> [String] {
        let parts = try SyncParts(sync.request)
        let held = try parts.journal.hold(environment: sync.name)
        let reconciliation = try sync.reconciliation(parts, at: held?.commit, now)
        let tree = try reconciliation.open(at: now)
        return try reconciliation.targets.compactMap { target in
            let session = try TargetSession.open(target, now: now)
            let plan = try session.plan(tree)
            guard !plan.isEmpty else { return nil }
            return "\(target.name): \(try session.deliver(plan, at: now).summary)"
        }
    }

    /// Listens until the task is cancelled, as `CredentialSockets.serve`.
    package func serve(report: @escaping @Sendable (String) -> Void) async throws {
        try await sockets.serve(report: report)
    }
}
