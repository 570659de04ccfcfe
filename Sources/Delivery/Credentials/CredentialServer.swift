internal import Dispatch
package import Files
internal import Glibc
internal import Sodium
internal import Synchronization

/// Hands out credentials to systemd (INTEROP.md 11): `LoadCredential=ID:/path/of/the/socket` makes the manager connect once
/// for each credential at a unit's start, from a socket whose abstract name tells unit and id, and read to the end.
///
/// A peer that is not the manager (SO_PEERCRED: root, unless told otherwise), that has another name, or asks for what no
/// grant allows gets nothing: to systemd that is an empty credential, so each refusal is reported.
package final class CredentialServer: Sendable {
    /// What came of one connection.
    package struct Event: Sendable, Hashable {
        /// What became of it.
        package enum Outcome: String, Sendable, Hashable {
            /// The value was sent.
            case served
            /// The peer is not the service manager.
            case wrongUser
            /// The peer's socket has no name of a unit and a credential.
            case wrongName
            /// The unit may not have this credential.
            case notAllowed
            /// The peer took nothing for too long, or went away.
            case notTaken
        }

        /// What became of it.
        package let outcome: Outcome
        /// The unit that asked; nil where the peer did not say.
        package let unit: String?
        /// The credential that was asked for.
        package let credential: String?
        /// The peer's user and process.
        package let user: UInt32
        /// The peer's process.
        package let process: UInt32
    }

    // Taken by the run.
    private let listener: Mutex<UnixListener?>
    private let store: CredentialStore
    private let users: Set<UInt32>
    private let report: @Sendable (Event) -> Void
    private let isStopped = Atomic(false)

    /// Listens at `path`, whose directory is there (mode 0600), and serves `store` to `users`. `report` gets each
    /// connection's outcome, before the next is taken. Throws `locked`, `targetNotOurs`, `io`.
    package init(
        at path: Path, serving store: CredentialStore, users: Set<UInt32> = [0],
        report: @escaping @Sendable (Event) -> Void
    ) throws(DeliveryError) {
        do throws(FileError) {
            listener = Mutex(try UnixListener(at: path))
        } catch {
            guard error.code == .exists else { throw DeliveryError(target: error) }
            throw DeliveryError(.targetNotOurs, "target: \(path) is no socket", underlying: error)
        }
        self.store = store
        self.users = users
        self.report = report
    }

    /// How long a peer may take nothing, in seconds.
    private static let patience = 5
    /// How long it may take until a stop is noticed, in milliseconds.
    private static let tick: Int32 = 200

    /// Serves until the task is cancelled, once, on a thread of its own: the pool of tasks has no room for what blocks. One
    /// connection after the other: the manager is the only peer. The socket is gone when this returns.
    package func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DispatchQueue(label: "strongroom.credentials").async {
                    self.serve()
                    continuation.resume()
                }
            }
        } onCancel: {
            isStopped.store(true, ordering: .releasing)
        }
    }

    private func serve() {
        guard let listener = listener.withLock({ $0.take() }) else { return }
        while !isStopped.load(ordering: .acquiring) {
            do throws(FileError) {
                guard let connection = try listener.accept(waiting: CredentialServer.tick) else { continue }
                answer(connection)
            } catch {
                // Out of descriptors, say: the next moment may be better, and nobody else hears of it.
                usleep(100_000)
            }
        }
    }

    private func answer(_ connection: borrowing UnixConnection) {
        guard let peer = try? connection.peer() else { return }
        let name = CredentialServer.parse(peer.name)
        func tell(_ outcome: Event.Outcome) {
            report(
                Event(
                    outcome: outcome, unit: name?.unit, credential: name?.credential, user: peer.user,
                    process: peer.process))
        }
        guard users.contains(peer.user) else { return tell(.wrongUser) }
        guard let name else { return tell(.wrongName) }
        guard let value = store.value(name) else { return tell(.notAllowed) }
        do throws(FileError) {
            try value.bytes.withBytes { (bytes) throws(FileError) in
                try connection.send(bytes, timeout: CredentialServer.patience)
            }
            tell(.served)
        } catch {
            tell(.notTaken)
        }
    }

    /// Unit and id of the abstract name `\0<random>/unit/<unit>/<id>`; nil for any other.
    static func parse(_ name: [UInt8]) -> CredentialStore.Key? {
        guard name.first == 0 else { return nil }
        let parts = name.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
        guard parts.count == 4, !parts[0].isEmpty, parts[1].elementsEqual("unit".utf8) else { return nil }
        let unit = String(decoding: parts[2], as: UTF8.self)
        let credential = String(decoding: parts[3], as: UTF8.self)
        guard CredentialGrant.isName(unit), CredentialGrant.isName(credential) else { return nil }
        return CredentialStore.Key(unit: unit, credential: credential)
    }
}
