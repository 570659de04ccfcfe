import Glibc
import Support
import Testing

/// A config repository with two environments whose commits alice signs, and a host whose settings follow it: what
/// Scripts/demo makes, small, below one scratch directory. The program runs as the real binary and reads nothing of
/// the user's.
///
///     alice.identity host.identity mallory.identity     alice administers, the host syncs, mallory is nobody
///     alice mallory alice.pub mallory.pub               SSH keys that sign commits; alice's signs the keyrings
///     allowed_signers                                   alice alone
///     config/                                           the repository: one commit, everything sealed
///     host/{strongroom.yaml, state, app, uploads, orders.sql}
///     store/                                            after makeStore()
///     home/                                             HOME of everybody
struct World: Sendable {
    private let scratch: TemporaryDirectory
    /// The config repository.
    let config: ScratchRepository

    /// The value that the standard fixture hides: what no message and no foreign file may hold.
    static let canary = "CANARY-7f3d91c2 correct horse: battery staple"

    /// The document that is sealed as deploy/prod/database.yaml: comments, an anchor, odd indentation, a block scalar,
    /// no final line feed.
    static let database = """
        # The database of the shop.  Comments, anchors and odd indentation stay as they are.
        apiVersion: v1
        kind: Secret
        metadata:
           name: database
           namespace: shop
        stringData:
             username: &user shop
             password: "\(canary)"   # rotated quarterly
             ca.crt: |
                 -----BEGIN CERTIFICATE-----
                 MIIBexampleonly

                 -----END CERTIFICATE-----
             last: 'one'
        ---
        # a second document, nothing of it sealed
        kind:   ConfigMap
        metadata: {name: shop}
        data: {user:   &anyone nobody, again: *anyone, plain: "x"}
        """

    /// The content that is sealed as deploy/prod/server.key.
    static let serverKey = "not a key, but as secret as one: CANARY-51ab"

    /// A fresh copy of the world.
    init() {
        self.init(in: TemporaryDirectory("strongroom-world"))
        World.copy(World.template.scratch.path + "/.", to: scratch.path)
        config.git("config", "user.signingkey", path("alice"))
        writeSettings()
    }

    private init(in scratch: TemporaryDirectory) {
        self.scratch = scratch
        config = ScratchRepository(at: scratch.file("config"))
    }

    /// The absolute path of `name` in this world.
    func path(_ name: String) -> String { scratch.file(name) }

    // MARK: - Running

    /// Runs strongroom in the directory `place` of this world, as the holder of `identity` where that is given.
    func run(
        _ arguments: String..., identity: String? = nil, in place: String = "config", stdin: String = "",
        adding: [String: String] = [:]
    ) -> ShellCommand.Outcome {
        run(arguments, identity: identity, in: place, stdin: stdin, adding: adding)
    }

    /// As `run` above.
    func run(
        _ arguments: [String], identity: String? = nil, in place: String = "config", stdin: String = "",
        adding: [String: String] = [:]
    ) -> ShellCommand.Outcome {
        ShellCommand.run(
            World.program, arguments, environment: environment(identity).merging(adding) { $1 },
            directory: path(place),
            stdin: Array(stdin.utf8))
    }

    /// As `run`, and an issue where the exit code is not 0. Returns standard output without its last line feed.
    @discardableResult
    func must(
        _ arguments: String..., identity: String? = nil, in place: String = "config", stdin: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        let outcome = run(arguments, identity: identity, in: place, stdin: stdin)
        #expect(outcome.status == 0, "\(outcome.errorText)", sourceLocation: sourceLocation)
        return outcome.text
    }

    /// strongroom for the crash harness.
    func points(_ arguments: String..., stdin: String = "", identity: String? = nil) -> CrashPoints {
        CrashPoints(
            World.program, arguments, environment: environment(identity), directory: path("config"),
            stdin: Array(stdin.utf8))
    }

    /// The settings file of the host.
    var settings: String { path("host/strongroom.yaml") }

    /// One sync of the host.
    func sync(_ options: String...) -> ShellCommand.Outcome {
        run(["sync", "prod", "--once", "--config", settings] + options, in: "host")
    }

    /// One backup of the host; the snapshot's id.
    func backup(sourceLocation: SourceLocation = #_sourceLocation) -> String {
        must("backup", "prod", "--config", settings, sourceLocation: sourceLocation)
    }

    /// The binary beside the tests.
    static let program = CrashPoints.products + "/strongroom"

    /// The variables that the program runs with, and the identity of whoever runs it.
    func environment(_ identity: String?) -> [String: String] {
        var variables = [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": path("home"), "LC_ALL": "C", "TZ": "UTC",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        ]
        if let identity { variables["STRONGROOM_IDENTITY"] = path("\(identity).identity") }
        return variables
    }

    // MARK: - Files

    /// The bytes of a file of this world; nil where it is not there.
    func bytes(_ name: String) -> [UInt8]? {
        let outcome = ShellCommand.run("/bin/cat", [path(name)])
        return outcome.status == 0 ? outcome.stdout : nil
    }

    /// The text of a file of this world, empty where it is not there.
    func text(_ name: String) -> String { String(decoding: bytes(name) ?? [], as: UTF8.self) }

    /// Where a symbolic link of this world leads to.
    func link(_ name: String) -> String { ShellCommand.run("readlink", [path(name)]).text }

    /// Writes a file of this world, and the directories above it.
    func write(_ name: String, _ text: String) {
        ScratchRepository(at: scratch.path).write(name, text)
    }

    /// Replaces text in a file of this world; an issue where it does not hold it.
    func edit(
        _ name: String, _ old: String, _ new: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let before = text(name)
        #expect(before.contains(old), "\(name) lacks what is to be replaced", sourceLocation: sourceLocation)
        write(name, before.replacing(old, with: new))
    }

    /// What the host's target shows; nil where it shows nothing.
    func delivered() throws -> FileTree? { try FileTree(path("host/app")) }

    /// Copies a tree with its times and modes.
    static func copy(_ source: String, to target: String) {
        let outcome = ShellCommand.run("cp", ["-a", source, target])
        precondition(outcome.status == 0, "cp: \(outcome.errorText)")
    }

    /// Puts a copy of the tree `source` in the place of `target`.
    static func replace(_ target: String, with source: String) {
        TemporaryDirectory.removeTree(target)
        copy(source, to: target)
    }

    // MARK: - Making

    /// The store of the host: alice reads, the host adds.
    func makeStore() {
        must(
            "store", "init", path("store"), "--identity", path("host.identity"), "--reader",
            text("alice.recipient"), "--writer", text("host.recipient"))
    }

    /// Live data with a nested directory, an empty one, links and modes.
    func writeUploads() {
        write("host/uploads/albums/summer/photo.jpg", String(repeating: "photo ", count: 4000))
        write("host/uploads/readme", "hello")
        write("host/uploads/umlaut-ä", "")
        write("host/orders.sql", "INSERT INTO orders VALUES (1, 'a lamp');\n")
        let script = """
            cd "$1" && mkdir empty && ln -s ../uploads/readme link && ln readme twin && chmod 640 readme &&
            chmod 750 albums && touch -d '2020-02-29 12:34:56.789012345Z' albums/summer/photo.jpg
            """
        let outcome = ShellCommand.run("sh", ["-c", script, "sh", path("host/uploads")])
        precondition(outcome.status == 0, outcome.errorText)
    }

    /// The host's settings for where this world stands.
    func writeSettings() {
        write(
            "host/strongroom.yaml",
            """
            version: 1
            state: \(path("host/state"))
            identities: [\(path("host.identity"))]
            stores:
              main: { url: \(path("store")) }
            environments:
              prod:
                trust: { root: "\(text("prod.trust"))", repository: \(text("repository")) }
                sources:
                  config:
                    url: \(path("config"))
                    branch: main
                    path: deploy/prod
                    verify: { allowedSigners: \(path("allowed_signers")) }
                targets:
                  - files: { directory: \(path("host/app")), mode: "0440" }
                backup:
                  store: main
                  beforeChange: never
                  sources:
                    - directory: { name: uploads, path: \(path("host/uploads")) }
                    - command: { name: orders, run: ["cat", "\(path("host/orders.sql"))"] }

            """)
    }

    /// The first world: made once, then copied.
    private static let template: World = {
        let world = World(in: TemporaryDirectory("strongroom-template"))
        atexit { TemporaryDirectory.removeTree(World.template.scratch.path) }
        world.build()
        return world
    }()

    private func build() {
        for name in ["home", "host"] { unsafe mkdir(path(name), 0o700) }
        for name in ["alice", "host", "mallory"] {
            write("\(name).recipient", must("keys", "new", "--output", path("\(name).identity"), in: "host"))
        }
        for name in ["alice", "mallory"] {
            let made = ShellCommand.run(
                "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path(name)])
            precondition(made.status == 0, made.errorText)
        }
        write("allowed_signers", "alice@example.org \(text("alice.pub"))")
        _ = ScratchRepository(creating: config.path)
        config.git("config", "gpg.format", "ssh")
        config.git("config", "commit.gpgsign", "true")
        config.git("config", "user.signingkey", path("alice"))
        for environment in ["prod", "staging"] {
            let root = must(
                "init", "--environment", environment, "--signing-key", path("alice"),
                "--member", "alice=" + text("alice.recipient"), "--member", "host=" + text("host.recipient"))
            write("\(environment).trust", root)
        }
        edit(
            "config/.strongroom.yaml", "rules:\n",
            """
            rules:
              - { paths: ["deploy/prod/*.key"], environment: prod, sealed: file, required: true }
              - { paths: ["deploy/prod/*.conf.yaml"], environment: prod, values: ["**"], scope: file }

            """)
        for line in text("config/.strongroom.yaml").split(separator: "\n") {
            if line.hasPrefix("repository: ") { write("repository", String(line.dropFirst(12))) }
        }
        config.write("deploy/prod/database.yaml", World.database)
        config.write("deploy/prod/server.key", World.serverKey)
        config.write("deploy/prod/app.yaml", "listen: 8080\n")
        config.write("deploy/prod/old/gone.yaml", "to be removed\n")
        config.write(
            "deploy/staging/database.yaml",
            World.database.replacing("namespace: shop", with: "namespace: shop-staging"))
        must("seal", "deploy/prod/database.yaml", "deploy/prod/server.key", "deploy/staging/database.yaml")
        config.commit("Seal the first secrets")
    }
}
