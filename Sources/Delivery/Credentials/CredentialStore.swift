internal import Encodings
internal import Files
package import Processes
internal import Sodium
internal import Synchronization

/// Which unit may have which credential, and what it is.
package struct CredentialGrant: Sendable, Hashable {
    /// The unit's full name, as `app.service`.
    package let unit: String
    /// The credential's id in `LoadCredential=ID:PATH`.
    package let credential: String
    /// Its value in the opened tree.
    package let value: ValueReference

    /// A grant of these values. Throws `unusableRequest` for names that systemd doesn't have.
    package init(unit: String, credential: String, value: ValueReference) throws(DeliveryError) {
        for name in [unit, credential] where !CredentialGrant.isName(name) {
            throw DeliveryError(.unusableRequest, "credentials: not a usable name: \(name)")
        }
        self.unit = unit
        self.credential = credential
        self.value = value
    }

    /// What the names of units and credentials have in common: they stand as one component in the peer's name.
    static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return (1...255).contains(bytes.count) && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }
    }
}

/// The credentials that are served now, in guarded memory, replaced as a whole. Shared by the target that delivers them
/// and the server that hands them out.
package final class CredentialStore: Sendable {
    /// A credential of a unit.
    struct Key: Hashable, Sendable {
        let unit: String
        let credential: String
    }

    /// A value in a dictionary, which holds nothing that can't be copied.
    final class Held: Sendable {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    private let held = Mutex<[Key: Held]>([:])
    private let completion = Mutex(false)

    /// An empty store: nothing is served until something is delivered.
    package init() {}

    /// What is served under `key`.
    func value(_ key: Key) -> Held? { held.withLock { $0[key] } }

    /// The keys that are served.
    var keys: Set<Key> { held.withLock { Set($0.keys) } }

    /// Whether a command is still to be run after a change.
    var isCompletionDue: Bool {
        get { completion.withLock { $0 } }
        set { completion.withLock { $0 = newValue } }
    }

    func replace(_ values: [Key: Held]) { held.withLock { $0 = values } }
}

/// Credentials of systemd's units, served from memory over a socket. Nothing of it is on disk.
package struct CredentialTarget: Sendable {
    /// What messages and receipts call it: the socket's path.
    package let name: String
    /// Where the values go: the store of the server.
    package let store: CredentialStore
    /// Who may have what.
    package let grants: [CredentialGrant]
    /// What is run after a change, as to restart the units; nil for nothing.
    package let completion: ChildProgram?

    /// What one service may have in all (systemd's CREDENTIALS_TOTAL_SIZE_MAX).
    package static let unitLimit = 1 << 20

    /// A target of these values. Throws `unusableRequest` where a unit gets two values of one name.
    package init(
        name: String, store: CredentialStore, grants: [CredentialGrant], completion: ChildProgram? = nil
    ) throws(DeliveryError) {
        let keys = Set(grants.map { CredentialStore.Key(unit: $0.unit, credential: $0.credential) })
        guard keys.count == grants.count else {
            throw DeliveryError(.unusableRequest, "target \(name): a credential of a unit stands twice")
        }
        self.name = name
        self.store = store
        self.grants = grants
        self.completion = completion
    }

    /// What delivering would change. Opens the values and lets them go.
    func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        var steps: [DeliveryPlan.Step] = []
        var unchanged = 0
        let values = try values(tree)
        for (key, value) in values {
            let path = Path("\(key.unit)/\(key.credential)")
            guard let old = store.value(key) else {
                steps.append(DeliveryPlan.Step(action: .add, path: path))
                continue
            }
            guard old.bytes.isEqual(to: value.bytes) else {
                steps.append(DeliveryPlan.Step(action: .change, path: path))
                continue
            }
            unchanged += 1
        }
        for key in store.keys where values[key] == nil {
            steps.append(DeliveryPlan.Step(action: .remove, path: Path("\(key.unit)/\(key.credential)")))
        }
        var plan = DeliveryPlan(
            tree: tree, target: .credentials(self), steps: steps, unchangedCount: unchanged, isFirst: false)
        plan.isCompletionDue = store.isCompletionDue
        return plan
    }

    /// Replaces what is served, all of it at once, and runs what is to be run after a change. Throws `reloadFailed` as
    /// `TargetSession.deliver` does.
    func deliver(_ plan: DeliveryPlan) throws(DeliveryError) {
        if plan.changesContent {
            store.isCompletionDue = completion != nil
            store.replace(try values(plan.tree))
        }
        if let completion { try CompletionRun(name, plan.tree).run(completion) }
        store.isCompletionDue = false
    }

    private func values(
        _ tree: OpenedTree
    ) throws(DeliveryError) -> [CredentialStore.Key: CredentialStore.Held] {
        var values: [CredentialStore.Key: CredentialStore.Held] = [:]
        var totals: [String: Int] = [:]
        for grant in grants {
            let file = try tree.file(at: grant.value.file)
            var held: CredentialStore.Held?
            if let keyPath = grant.value.keyPath {
                try file.withValue(at: keyPath) { held = CredentialStore.Held(SecretBytes(copying: $0)) }
            } else {
                guard file.byteCount <= Int64(CredentialTarget.unitLimit) else { throw tooMuch(grant.unit) }
                held = CredentialStore.Held(try file.held())
            }
            guard let held else { continue }
            var scanner = MarkScanner(isDocument: false)
            let isMarked = held.bytes.withBytes { scanner.finds(in: $0) }
            guard !isMarked else {
                throw DeliveryError(
                    .stillSealed,
                    "target \(name): \(grant.unit): \(grant.credential): a sealed token or SOPS marker would be served"
                )
            }
            totals[grant.unit, default: 0] += held.bytes.byteCount
            guard totals[grant.unit, default: 0] <= CredentialTarget.unitLimit else {
                throw tooMuch(grant.unit)
            }
            values[CredentialStore.Key(unit: grant.unit, credential: grant.credential)] = held
        }
        return values
    }

    private func tooMuch(_ unit: String) -> DeliveryError {
        DeliveryError(
            .limitExceeded,
            "target \(name): more than \(CredentialTarget.unitLimit) bytes of credentials for \(unit)")
    }
}
