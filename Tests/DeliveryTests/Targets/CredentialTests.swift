import Dispatch
import Encodings
import Files
import Glibc
import Processes
import Sodium
import Support
import Synchronization
import Testing

@testable import Delivery

@Suite struct CredentialTests {
    let world: World
    let store = CredentialStore()

    init() throws {
        world = try World()
        world.repository.commit("first")
    }

    private var socket: Path { Path(world.scratch.file("credentials.sock")) }

    private func target(
        _ grants: [(unit: String, credential: String, value: String)], completion: ChildProgram? = nil
    ) throws -> CredentialTarget {
        try CredentialTarget(
            name: "\(socket)", store: store,
            grants: try grants.map { grant in
                try CredentialGrant(
                    unit: grant.unit, credential: grant.credential,
                    value: try ValueReference(parsing: Array(grant.value.utf8)))
            }, completion: completion)
    }

    private let grants = [
        ("app.service", "password", "database.yaml:stringData.password"), ("web.service", "app", "app.yaml"),
    ]

    private func deliver(_ target: CredentialTarget) throws -> Receipt {
        let tree = try world.reconciliation().open(at: time(1_700_001_000))
        let session = try TargetSession.open(.credentials(target), now: time(1_000))
        let plan = try session.plan(tree)
        return try session.deliver(plan, at: time(1_000))
    }

    /// What a unit gets that asks as the service manager does: from an abstract name that tells unit and credential.
    private func ask(_ unit: String, _ credential: String, name: String? = nil) throws -> String {
        let text =
            name ?? "\(String(UInt64.random(in: 0...UInt64.max), radix: 16))/unit/\(unit)/\(credential)"
        let connection = try UnixConnection(connectingTo: socket, from: [0] + Array(text.utf8))
        return String(decoding: try connection.receiveAll(limit: 1 << 21), as: UTF8.self)
    }

    /// Runs `body` beside a server, and gives the server's reports.
    private func serving(
        users: Set<UInt32> = [geteuid()], _ body: @escaping @Sendable () throws -> Void
    ) async throws -> [CredentialServer.Event.Outcome] {
        final class Log: Sendable { let events = Mutex<[CredentialServer.Event]>([]) }
        let log = Log()
        let server = try CredentialServer(at: socket, serving: store, users: users) { event in
            log.events.withLock { $0.append(event) }
        }
        let task = Task { [server] in await server.run() }
        // On a thread of its own: it blocks, and the server's task needs one of the few of the pool.
        let result = await withCheckedContinuation { continuation in
            DispatchQueue(label: "peers").async { continuation.resume(returning: Result { try body() }) }
        }
        task.cancel()
        await task.value
        try result.get()
        return log.events.withLock { $0.map(\.outcome) }
    }

    @Test func `each unit gets the credentials that it may have, and no other`() async throws {
        #expect(try deliver(try target(grants)).outcome == .applied)
        let outcomes = try await serving {
            #expect(try ask("app.service", "password") == World.canary)
            #expect(try ask("web.service", "app") == "listen: 8080\n")
            #expect(try ask("web.service", "password") == "")
            #expect(try ask("app.service", "app") == "")
            #expect(try ask("", "", name: "x/unit/app.service") == "")
            #expect(try ask("", "", name: "x/unit/app.service/password/more") == "")
            let nameless = try UnixConnection(connectingTo: socket)
            #expect(try nameless.receiveAll(limit: 100) == [])
        }
        #expect(
            outcomes == [
                .served, .served, .notAllowed, .notAllowed, .wrongName, .wrongName, .wrongName,
            ])
        #expect(unsafe access("\(socket)", F_OK) != 0)
    }

    /// The service manager's part, by another program: a socket with an abstract name, connected, read to its end
    /// (systemd's load_credential: INTEROP.md 11). A manager itself is none here: that needs to be process 1.
    private static let manager = """
        import os, socket, sys
        path, unit, credential = sys.argv[1:4]
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        client.bind("\\0%x/unit/%s/%s" % (int.from_bytes(os.urandom(8), "big"), unit, credential))
        if len(sys.argv) > 4: os.setgid(65534); os.setuid(65534)
        try: client.connect(path)
        except PermissionError: sys.exit("refused")
        data = b""
        while piece := client.recv(4096): data += piece
        sys.stdout.buffer.write(data)
        """

    @Test func `another program that asks by an abstract name, as systemd does, gets just what it may`()
        async throws
    {
        let large = String(repeating: "0123456789abcdef", count: 1 << 15)
        try world.sealFile("deploy/prod/large.key", Array(large.utf8))
        world.repository.commit("large")
        _ = try deliver(try target(grants + [("app.service", "large", "large.key")]))
        world.repository.write("manager.py", CredentialTests.manager)
        let script = world.repository.path + "/manager.py"
        let socket = "\(socket)"
        let outcomes = try await serving {
            func manager(_ words: String...) -> ShellCommand.Outcome {
                ShellCommand.run("python3", [script, socket] + words)
            }
            #expect(manager("app.service", "password").text == World.canary)
            #expect(manager("app.service", "large").stdout == Array(large.utf8))
            #expect(manager("web.service", "password").stdout == [])
            if geteuid() == 0 { #expect(manager("app.service", "password", "nobody").errorText == "refused") }
            // One that asks and takes nothing keeps nobody from being served.
            let deaf = try UnixConnection(
                connectingTo: Path(socket), from: [0] + Array("1/unit/app.service/password".utf8))
            #expect(manager("app.service", "password").text == World.canary)
            _ = consume deaf
        }
        #expect(outcomes == [.served, .served, .notAllowed, .served, .served])
    }

    @Test func `a credential that would still be sealed is not served, and the old one stays`() async throws {
        _ = try deliver(try target(grants))
        let kept = try target([("app.service", "password", "note.yaml:data.a")])
        let marker = Base64.standard.encode(Array("ENC[AES256_GCM,data:x]".utf8))
        world.repository.write(
            "deploy/prod/note.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: n, namespace: m}\ndata: {a: \(marker)}\n")
        world.repository.commit("marker in base64")
        #expect(throws: DeliveryError.self) { try deliver(kept) }
        _ = try await serving { () throws in #expect(try ask("app.service", "password") == World.canary) }
    }

    @Test func `a peer that is not the service manager gets nothing`() async throws {
        _ = try deliver(try target(grants))
        let outcomes = try await serving(users: [geteuid() + 1]) { () throws in
            #expect(try ask("app.service", "password") == "")
        }
        #expect(outcomes == [.wrongUser])
    }

    @Test func `a change is served at once and as a whole, the same plaintext resealed is none`() async throws
    {
        let calls = world.scratch.file("calls")
        let target = try target(grants, completion: ChildProgram(["sh", "-c", "echo >> \(calls)"]))
        _ = try deliver(target)
        try world.seal("deploy/prod/database.yaml", World.secret(World.canary))
        world.repository.commit("resealed")
        #expect(try deliver(target).outcome == .unchanged)
        try world.seal("deploy/prod/database.yaml", World.secret("another value"))
        world.repository.commit("changed")
        #expect(try deliver(target).outcome == .applied)
        _ = try await serving { () throws in
            #expect(try ask("app.service", "password") == "another value")
        }
        #expect(ShellCommand.run("wc", ["-l", calls]).text.hasPrefix("2 "))
    }

    @Test func `more than a service may have in all is refused`() throws {
        world.repository.write("deploy/prod/big.txt", String(repeating: "x", count: (1 << 20) + 1))
        world.repository.commit("big")
        let target = try target([("app.service", "big", "big.txt")])
        let tree = try world.reconciliation().open(at: time(1_700_001_000))
        #expect(
            code { () throws(DeliveryError) in try Target.credentials(target).preview(tree) }
                == .limitExceeded)
    }

    @Test func `a unit's credential stands once, under names that systemd has`() throws {
        #expect(throws: DeliveryError.self) { try target([grants[0], grants[0]]) }
        for name in ["", "a/b", "a b", "a\n"] {
            #expect(throws: DeliveryError.self) { try target([(name, "x", "app.yaml")]) }
            #expect(throws: DeliveryError.self) { try target([("x", name, "app.yaml")]) }
        }
    }

    @Test(arguments: [
        ("\0f00/unit/app.service/key", "app.service key"), ("f00/unit/app.service/key", nil),
        ("\0/unit/app.service/key", nil), ("\0f00/user/app.service/key", nil), ("\0f00/unit//key", nil),
        ("\0f00/unit/app.service/", nil), ("", nil),
    ]) func `a peer's name is taken in its one form`(name: String, expected: String?) {
        let parsed = CredentialServer.parse(Array(name.utf8))
        #expect(parsed.map { "\($0.unit) \($0.credential)" } == expected)
    }
}
