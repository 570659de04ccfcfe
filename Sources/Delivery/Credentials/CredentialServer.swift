package import Files
internal import Glibc
internal import Sodium
internal import Synchronization

/// Hands out credentials to systemd (INTEROP.md 11): `LoadCredential=ID:/path/of/the/socket` makes the manager connect once
/// for each credential at a unit's start, from a socket whose abstract name tells unit and id, and read to the end.
///
/// A peer that is not the manager (SO_PEERCRED: root, unless told otherwise), that has another name, or asks for what no
/// grant allows gets nothing: to systemd that is an empty credential, so each refusal is reported.
package struct CredentialServer: ~Copyable, Sendable {
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

    private let listener: UnixListener
    private let store: CredentialStore
    private let users: Set<UInt32>
    private let report: @Sendable (Event) -> Void

    /// Listens at `path`, whose directory is there (mode 0600), and serves `store` to `users`. `report` gets each
    /// connection's outcome, before the next is taken. Throws `locked`, `targetNotOurs`, `io`.
    package init(
        at path: Path, serving store: CredentialStore, users: Set<UInt32> = [0],
        report: @escaping @Sendable (Event) -> Void
    ) throws(DeliveryError) {
        do throws(FileError) {
            listener = try UnixListener(at: path)
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

    /// Serves until the task is cancelled, on a thread of its own; the socket goes with it. One connection after the
    /// other: the manager is the only peer.
    package consuming func run() async {
        let stop = StopFlag()
        let server = ServerBox(self)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread.start {
                    server.value.serve(until: stop)
                    continuation.resume()
                }
            }
        } onCancel: {
            stop.set()
        }
    }

    fileprivate borrowing func serve(until stop: StopFlag) {
        while !stop.isSet {
            do throws(FileError) {
                guard let connection = try listener.accept(waiting: CredentialServer.tick) else { continue }
                answer(connection)
            } catch {
                // Out of descriptors, say: the next moment may be better, and nobody else hears of it.
                usleep(100_000)
            }
        }
    }

    private borrowing func answer(_ connection: borrowing UnixConnection) {
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

/// A server that a thread takes along.
private final class ServerBox: Sendable {
    let value: CredentialServer

    init(_ value: consuming CredentialServer) { self.value = value }
}

/// Set once, from any thread.
final class StopFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
}

/// A thread for what blocks: the pool of tasks has no room for it.
enum Thread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own; on this one where none can be had.
    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let work = unsafe Unmanaged.passRetained(Work(body))
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        guard status == 0 else { return unsafe work.takeRetainedValue().body() }
        pthread_detach(thread)
    }
}
