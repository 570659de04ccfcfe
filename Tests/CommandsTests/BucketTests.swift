import Glibc
import Support
import Testing

/// Stores in a bucket, with the real program and moto's S3.
@Suite(.enabled(if: MotoServer.isExpected, Comment(rawValue: MotoServer.absence)), .serialized)
struct BucketTests {
    private let world = World()
    private let server = MotoServer()
    private let url = "s3://strongroom/backups/prod"

    init() {
        world.writeUploads()
        world.edit(
            "host/strongroom.yaml", "main: { url: \(world.path("store")) }",
            """
            main:
                url: "\(url)"
                endpoint: "\(server.endpoint)"
                region: eu-central-1
                credentials: \(world.path("host/credentials"))
                profile: backups
                uploadLimit: 64MiB
            """)
        writeCredentials(MotoServer.secret)
    }

    /// What the caller's environment says of buckets.
    private var variables: [String: String] {
        [
            "AWS_ACCESS_KEY_ID": MotoServer.accessKeyID, "AWS_SECRET_ACCESS_KEY": MotoServer.secret,
            "AWS_ENDPOINT_URL": server.endpoint,
        ]
    }

    private func writeCredentials(_ secret: String, mode: String = "600") {
        world.write(
            "host/credentials",
            """
            [default]
            aws_access_key_id = AKIANOTTHISONE
            aws_secret_access_key = nothing
            [backups]
            aws_access_key_id = \(MotoServer.accessKeyID)
            aws_secret_access_key = \(secret)

            """)
        _ = ShellCommand.run("chmod", [mode, world.path("host/credentials")])
    }

    private func run(
        _ arguments: String..., identity: String? = "alice", adding: [String: String] = [:]
    ) -> ShellCommand.Outcome {
        world.run(arguments, identity: identity, adding: variables.merging(adding) { $1 })
    }

    /// The store: alice reads, the host adds.
    private func makeStore() {
        let outcome = run(
            "store", "init", url, "--identity", world.path("host.identity"), "--reader",
            world.text("alice.recipient"), "--writer", world.text("host.recipient"))
        expect(outcome, 0)
    }

    @Test func `a bucket keeps snapshots as a directory does, from init to restore`() throws {
        makeStore()
        expect(world.sync(), 0)
        // By the settings: endpoint, region, and a profile of a file of credentials.
        let id = world.backup()
        let listed = run("snapshots", "list", "--json", "--store", url)
        expect(listed, 0)
        #expect(listed.text.contains(id))
        expect(run("store", "check", "--read-data", url), 0)
        expect(run("store", "info", "--json", url), 0)
        expect(
            run("restore", "--store", url, "--snapshot", "latest", "--into", world.path("back")), 0)
        #expect(
            try FileTree(world.path("back/directories/uploads"), withTimes: true)
                == FileTree(world.path("host/uploads"), withTimes: true))
        // A second backup finds what the first one put.
        expect(world.run("backup", "prod", "--config", world.settings), 0)
        expect(run("store", "check", "--environment", "prod", "--config", world.settings), 0)
        // The snapshot before a change goes there too.
        world.edit("host/strongroom.yaml", "beforeChange: never", "beforeChange: require")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Listen elsewhere")
        expect(world.sync(), 0)
        let ids = run("snapshots", "list", "--json", "--store", url).text
        #expect(ids.split(separator: "\n").count { $0.contains("\"id\" : ") } == 3)
        // Not the host's own, and never made twice.
        expect(run("snapshots", "show", "latest", "--store", url, identity: "mallory"), 4)
        expect(run("store", "init", url), 2, "empty place")
    }

    @Test func `a store is copied between buckets and directories, and restores from each`() throws {
        makeStore()
        world.must("backup", "prod", "--config", world.settings)
        world.write("host/uploads/later", "later")
        let id = world.backup()
        let (replica, other) = (world.path("replica"), "s3://strongroom/other?region=eu-central-1")
        let plan = run("store", "copy", "--dry-run", url, replica, identity: nil)
        expect(plan, 0)
        #expect(plan.text.hasPrefix("would copy ") && plan.text.contains("2 snapshots"))
        #expect(try FileTree(replica) == nil)
        // Without a key; then by one of a writer, from the copy to another bucket.
        expect(run("store", "copy", url, replica, identity: nil), 0)
        expect(run("store", "copy", replica, other, identity: "host"), 0)
        for place in [replica, other] {
            expect(run("store", "check", "--read-data", place), 0)
            let into = world.path("from-\(place.hasPrefix("s3") ? "bucket" : "directory")")
            expect(run("restore", "--store", place, "--snapshot", id, "--into", into), 0)
            #expect(
                try FileTree("\(into)/directories/uploads", withTimes: true)
                    == FileTree(world.path("host/uploads"), withTimes: true))
        }
        let again = run("store", "copy", "--json", url, replica, identity: nil)
        expect(again, 0)
        #expect(again.text.contains("\"copiedObjects\" : 0"))
        // Names of the settings, each with its own credentials.
        world.edit(
            "host/strongroom.yaml", "environments:",
            "  off: { url: \(world.path("off-site")) }\nenvironments:")
        expect(world.run("store", "copy", "main", "off", "--config", world.settings), 0)
        expect(world.run("store", "copy", "main", "none", "--config", world.settings), 2, "none")
        // D10: another store in the place of the replica, and another place of the store.
        world.makeStore()
        expect(run("store", "copy", url, world.path("store"), identity: nil), 5)
        expect(run("store", "copy", world.path("store"), replica, identity: nil), 5)
        expect(run("store", "copy", url, world.path("host"), identity: nil), 2, "no replica")
        expect(run("store", "copy", url, url, identity: nil), 2, "to itself")
        expect(run("store", "copy", world.path("nowhere"), replica, identity: nil), 2)
    }

    @Test func `F092: in a bucket prune gives room back, and killed anywhere it harms nothing`() throws {
        makeStore()
        expect(world.sync(), 0)
        var generator = SystemRandomNumberGenerator()
        var ids: [String] = []
        func backUp() {
            world.write("host/uploads/big", (0..<9_000).map { _ in "\(generator.next())" }.joined())
            ids.append(world.backup())
        }
        func packs() -> Int {
            let info = run("store", "prune", "--dry-run", "--json", url, identity: "host").text
            return info.split(separator: "\n").drop { !$0.contains("\"present\"") }.dropFirst()
                .first { $0.contains("\"packs\"") }?.split(separator: " ").last.flatMap { Int($0) } ?? -1
        }
        func expectWhole(_ comment: String) {
            expect(run("store", "check", "--read-data", url), 0)
            TemporaryDirectory.removeTree(world.path("back"))
            expect(run("restore", "--store", url, "--snapshot", "latest", "--into", world.path("back")), 0)
            #expect(
                world.bytes("back/directories/uploads/big") == world.bytes("host/uploads/big"), "\(comment)")
        }
        backUp()
        // Killed after ever longer times: wherever that is, all that counts is what is left.
        for tenths in [1, 2, 3, 4, 6, 8] {
            backUp()
            expect(
                run(
                    "snapshots", "forget", String(ids[ids.count - 2].prefix(12)), "--store", url,
                    identity: "host"),
                0)
            let killed = ShellCommand.run(
                "timeout",
                [
                    "-s", "KILL", "0.\(tenths)", World.program, "store", "prune", url, "--grace", "0s",
                    "--identity", world.path("host.identity"),
                ],
                environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")].merging(variables) { $1 })
            expectWhole("killed after 0.\(tenths) s: \(killed.status)")
        }
        let before = packs()
        let pruned = run("store", "prune", url, "--grace", "0s", identity: "host")
        expect(pruned, 0)
        #expect(packs() <= before)
        expectWhole("pruned")
        #expect(run("store", "prune", url, "--grace", "0s", identity: "host").text == "nothing to prune")
    }

    @Test func `damage is told by a copy, and an index made anew, with the packs in a bucket`() throws {
        makeStore()
        let id = world.backup()
        let copy = world.path("copy")
        expect(run("store", "copy", url, copy, identity: nil), 0)
        let index = ShellCommand.run("find", [copy + "/index", "-type", "f"]).text
        #expect(!index.isEmpty)
        for file in index.split(separator: "\n") { TemporaryDirectory.removeTree(String(file)) }
        world.write("copy/index/\(String(repeating: "ab", count: 32))", "no index")
        expect(run("store", "check", copy), 9)
        expect(run("store", "copy", copy, "s3://strongroom/mended", identity: nil), 9, "1 damaged")
        let mended = "s3://strongroom/mended"
        let plan = run("store", "rebuild-index", "--dry-run", mended, identity: "host")
        expect(plan, 0)
        #expect(plan.text.contains("would be put"))
        expect(run("store", "check", mended), 9)
        expect(run("store", "rebuild-index", mended, identity: "mallory"), 4)
        expect(run("store", "rebuild-index", mended, identity: "host"), 0)
        expect(run("store", "check", "--read-data", mended), 0)
        expect(run("restore", "--store", mended, "--snapshot", id, "--into", world.path("back")), 0)
        let json = run("store", "rebuild-index", "--json", copy, identity: "host")
        expect(json, 0)
        #expect(json.text.contains("index/abab"))
        expect(run("store", "check", copy), 0)
    }

    @Test func `a probe tells what a place keeps, and leaves nothing`() throws {
        let probed = run("store", "probe", "s3://strongroom/probed", identity: nil)
        expect(probed, 0)
        for check in ["put-once", "read-after-write", "clock", "parts"] {
            #expect(
                probed.text.split(separator: "\n").contains { $0.hasPrefix(check) && $0.contains("holds") })
        }
        // A store is made there afterwards, as in any empty place.
        expect(run("store", "init", "s3://strongroom/probed"), 0)
        world.write("place/file", "")
        TemporaryDirectory.removeTree(world.path("place/file"))
        let json = run("store", "probe", "--json", world.path("place"), identity: nil)
        expect(json, 0)
        #expect(json.text.contains("\"usable\" : true"))
        #expect(ShellCommand.run("ls", ["-A", world.path("place")]).text == "")
        expect(run("store", "probe", world.path("nowhere"), identity: nil), 2)
        expect(run("store", "probe", "s3://no-such-bucket/x", identity: nil), 2, "no bucket")
        expect(
            run("store", "probe", url, identity: nil, adding: ["AWS_SECRET_ACCESS_KEY": "wrong"]), 4,
            "does not accept")
    }

    @Test func `credentials come from variables or from a file that nobody else reads`() {
        makeStore()
        let none = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]
        expect(run("store", "info", url, adding: none), 4, "S3 credentials: there are none")
        let file = none.merging([
            "AWS_SHARED_CREDENTIALS_FILE": world.path("host/credentials"), "AWS_PROFILE": "backups",
        ]) { $1 }
        expect(run("store", "info", url, adding: file), 0)
        let other = file.merging(["AWS_PROFILE": "other"]) { $1 }
        expect(run("store", "info", url, adding: other), 4, "profile other")
        expect(
            run("store", "info", url, adding: ["AWS_SECRET_ACCESS_KEY": ""]), 4,
            "without AWS_SECRET_ACCESS_KEY")
        // F031: as an identity, it is no secret where others can read it.
        writeCredentials(MotoServer.secret, mode: "644")
        expect(run("store", "info", url, adding: file), 4, "group or others")
        expect(world.run("backup", "prod", "--config", world.settings), 4, "group or others")
    }

    @Test func `what keeps a bucket from answering is told in one line, and no secret is`() {
        makeStore()
        let wrong = "wrongCANARYwrong"
        writeCredentials(wrong)
        let outcomes: [(outcome: ShellCommand.Outcome, status: Int32, words: String)] = [
            (
                run("store", "info", url, adding: ["AWS_SECRET_ACCESS_KEY": wrong]), 4,
                "does not accept the credentials"
            ),
            (world.run("backup", "prod", "--config", world.settings), 4, "does not accept the credentials"),
            (run("store", "info", "s3://no-such-bucket/x"), 2, "no bucket no-such-bucket"),
            (run("store", "init", "s3://no-such-bucket/x"), 2, "no bucket no-such-bucket"),
            (run("store", "info", "s3://strongroom/nothing"), 2, "no archive store"),
            (run("store", "info", "s3://strongroom/a?region=eu&colour=red"), 2, "settings other than"),
            (run("store", "info", "s3://AKIA:\(wrong)@strongroom/a"), 2, "credentials"),
            (run("store", "info", url, adding: ["AWS_ENDPOINT_URL": "ftp://x"]), 2, "endpoint"),
            (run("store", "info", world.path("store"), "--upload-limit", "1MiB"), 2, "for buckets"),
            (run("store", "info", url, "--download-limit", "12"), 2, "at least 4096"),
        ]
        for (outcome, status, words) in outcomes {
            expect(outcome, status, words)
            #expect(!outcome.errorText.contains(wrong) && !outcome.errorText.contains(MotoServer.secret))
            let lines = outcome.errorText.split(separator: "\n")
            #expect(lines.count { $0.hasPrefix("strongroom: error: ") } == 1, "\(outcome.errorText)")
            #expect(lines.allSatisfy { $0.hasPrefix("strongroom: ") }, "\(outcome.errorText)")
        }
    }

    @Test func `settings of a bucket are strict, and none is read and ignored`() {
        for (old, new, words) in [
            ("region: eu-central-1", "regoin: eu-central-1", "regoin"),
            ("region: eu-central-1", "region: \"eu central\"", "store main"),
            ("uploadLimit: 64MiB", "uploadLimit: 12", "at least 4096"),
            ("uploadLimit: 64MiB", "lock: { mode: forever, days: 1 }", "governance or compliance"),
            ("uploadLimit: 64MiB", "style: hosted", "virtual-host"),
            ("url: \"\(url)\"", "url: \"s3://x\"", "store main"),
            ("url: \"\(url)\"", "url: \(world.path("store"))", "beside an s3:// URL alone"),
            ("credentials: \(world.path("host/credentials"))", "authorities: /none", "credentials beside it"),
        ] {
            let before = world.text("host/strongroom.yaml")
            world.edit("host/strongroom.yaml", old, new)
            expect(world.run("backup", "prod", "--config", world.settings), 2, words)
            world.write("host/strongroom.yaml", before)
        }
    }

    @Test func `a CA of one's own is trusted where it is named, and nobody else is`() {
        let authority = CertificateAuthority(in: world.path("host"))
        let secure = MotoServer(certificate: authority.certificate("server"))
        let place = ["AWS_ENDPOINT_URL": secure.endpoint]
        let trusted = place.merging(["AWS_CA_BUNDLE": authority.certificate]) { $1 }
        expect(run("store", "init", url, adding: place), 5, "not trusted")
        expect(run("store", "init", url, adding: trusted), 0)
        expect(run("store", "info", url, adding: place), 5, "not trusted")
        expect(run("store", "info", url, adding: trusted), 0)
        world.edit(
            "host/strongroom.yaml", "endpoint: \"\(server.endpoint)\"",
            "endpoint: \"\(secure.endpoint)\"\n    authorities: \(authority.certificate)")
        let check = ["store", "check", "--environment", "prod", "--config", world.settings]
        expect(world.run(check, identity: "alice"), 0)
        // F036: who the endpoint is must not be for others to say.
        _ = ShellCommand.run("chmod", ["666", authority.certificate])
        expect(world.run(check, identity: "alice"), 5, "others can write")
        expect(run("store", "info", url, adding: trusted), 5, "others can write")
    }
}

/// Endpoints that go wrong: the exit codes of CASES.md section 1, and what to do next.
@Suite(.serialized) struct HostileBucketTests {
    private let world = World()

    private func run(_ mode: String, _ arguments: String...) -> ShellCommand.Outcome {
        let server = HostileS3Server(mode, -1)
        return world.run(
            arguments + ["s3://bucket/some/prefix?endpoint=\(server.endpoint)"], identity: "alice",
            adding: ["AWS_ACCESS_KEY_ID": MotoServer.accessKeyID, "AWS_SECRET_ACCESS_KEY": MotoServer.secret])
    }

    @Test(
        arguments: [
            ("skew", 5, "this machine's clock is", "set it right"),
            ("region", 5, "eu-west-9", "set region=eu-west-9"),
            ("redirect", 5, "somewhere else", "endpoint and region"),
            ("denied", 7, "refuses it", "s3:ListBucket"),
            ("noBucket", 2, "no bucket bucket", "create it"), ("full", 7, "no space left", "quota"),
            ("echo", 4, "does not accept the credentials", "access key"),
            ("notHTTP", 7, "does not answer as S3", ""),
        ] as [(String, Int32, String, String)])
    func `F037, F085: an endpoint's refusal is told with its cause, its code and what to do`(
        mode: String, status: Int32, words: String, hint: String
    ) {
        for verb in ["info", "init", "probe"] {
            let outcome = run(mode, "store", verb)
            expect(outcome, status, words)
            #expect(outcome.errorText.contains(hint), "\(outcome.errorText)")
            #expect(
                !outcome.errorText.contains(MotoServer.secret) && !outcome.errorText.contains("Signature="))
        }
    }

    @Test(arguments: [
        ("late", "clock"), ("ignoresRange", "ranges"), ("ignoresCondition", "put-once"),
    ])
    func `a place that stores can't rely on fails its probe, and says by what`(
        mode: String, check: String
    ) {
        let outcome = run(mode, "store", "probe")
        expect(outcome, 5, "not a place for a store", check)
        #expect(
            outcome.text.split(separator: "\n").contains { $0.hasPrefix(check) && !$0.contains(" holds ") })
    }

    @Test func `an endpoint that passes over conditions is fit where the settings know it`() {
        let server = HostileS3Server("ignoresCondition", -1)
        world.edit(
            "host/strongroom.yaml", "main: { url: \(world.path("store")) }",
            "main: { url: \"s3://bucket/x\", endpoint: \"\(server.endpoint)\", conditionalPuts: false }")
        let credentials = [
            "AWS_ACCESS_KEY_ID": MotoServer.accessKeyID, "AWS_SECRET_ACCESS_KEY": MotoServer.secret,
        ]
        expect(
            world.run(
                ["store", "probe", "--environment", "prod", "--config", world.settings], adding: credentials),
            0)
    }
}
