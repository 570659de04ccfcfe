import Settings
import Testing

@Suite struct SettingsReadingTests {
    private static let whole = """
        version: 1
        state: /var/lib/strongroom
        identities: [/etc/strongroom/identity]
        stores:
          main: { url: /backup/store, trust: "\(String(repeating: "ab", count: 32))" }
        environments:
          prod:
            trust: { root: "\(String(repeating: "01", count: 32))", repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5 }
            sources:
              config:
                url: /srv/git/config.git
                branch: main
                path: deploy/prod
                verify: { allowedSigners: /etc/strongroom/allowed_signers, range: true }
            targets:
              - files: { directory: /srv/app/config, owner: app, mode: "0440" }
            backup:
              store: main
              sources:
                - directory: { name: uploads, path: /srv/app/uploads }
                - command: { name: database, run: ["pg_dump", "-Fc", "app"], minimumBytes: 1MiB, timeout: 10m }
                - repository: { name: app, url: "file:///srv/git/app.git" }
        """

    private func read(_ text: String) throws -> Settings { try Settings(parsing: Array(text.utf8)) }

    private func refusal(_ text: String) -> SettingsError? {
        do {
            _ = try read(text)
            return nil
        } catch {
            return error as? SettingsError
        }
    }

    @Test func `every way to say whose signatures count is read`() throws {
        let fingerprint = String(repeating: "AB", count: 20)
        let commit = String(repeating: "1", count: 40)
        let old = "verify: { allowedSigners: /etc/strongroom/allowed_signers, range: true }"
        func verification(_ text: String) throws -> SourceSettings.Verification? {
            try read(Self.whole.replacing(old, with: "verify: \(text)")).environment("prod").sources.first?
                .verification
        }
        func signed(_ text: String) throws -> SignatureSettings? {
            guard case .signed(let settings) = try verification(text) else { return nil }
            return settings
        }
        #expect(try verification("none") == SourceSettings.Verification.none)
        let plain = try #require(try signed("{ allowedSigners: /a }"))
        #expect(plain == SignatureSettings(allowedSigners: "/a"))
        #expect(plain.extent == .head)
        #expect(plain.securityKeys == "presence")
        #expect(try signed("{ allowedSigners: /a, range: false }")?.extent == .head)
        #expect(try signed("{ allowedSigners: /a, since: \(commit) }")?.extent == .range(since: commit))
        #expect(
            try signed("{ allowedSigners: /a, range: true, since: \(commit) }")?.extent
                == .range(since: commit))
        #expect(try signed("{ allowedSigners: /a, tag: true }")?.extent == .tag)
        #expect(try signed("{ allowedSigners: /a, revokedKeys: /r }")?.revokedKeys == "/r")
        #expect(
            try signed("{ allowedSigners: /a, match: [author, committer] }")?.match == [
                "author", "committer",
            ])
        #expect(
            try signed("{ allowedSigners: /a, securityKeys: verification }")?.securityKeys == "verification")
        let openPGP = try #require(
            try signed(
                "{ openpgp: { keyring: /k, keys: [\(fingerprint), { fingerprint: \(fingerprint), principals: \"a@b\" }] } }"
            ))
        #expect(openPGP.allowedSigners == nil)
        #expect(openPGP.openPGP?.keyring == "/k")
        #expect(openPGP.openPGP?.gpgv == "/usr/bin/gpgv")
        #expect(openPGP.openPGP?.keys.map(\.fingerprint) == [fingerprint, fingerprint])
        #expect(openPGP.openPGP?.keys.map(\.principals) == [nil, "a@b"])
        for bad in [
            "{}", "all", "[]", "{ range: true }", "{ allowedSigners: relative }",
            "{ allowedSigners: /a, unknown: 1 }",
            "{ allowedSigners: /a, since: main }", "{ allowedSigners: /a, since: \(commit), range: false }",
            "{ allowedSigners: /a, tag: true, range: true }",
            "{ allowedSigners: /a, tag: true, since: \(commit) }",
            "{ allowedSigners: /a, match: [pusher] }", "{ allowedSigners: /a, match: committer }",
            "{ allowedSigners: /a, securityKeys: none }", "{ openpgp: { keyring: /k } }",
            "{ openpgp: { keyring: /k, keys: [] } }", "{ openpgp: { keys: [\(fingerprint)] } }",
            "{ openpgp: { keyring: k, keys: [\(fingerprint)] } }",
            "{ openpgp: { keyring: /k, keys: [{ principals: a }] } }",
        ] {
            #expect(throws: SettingsError.self, "\(bad)") { try verification(bad) }
        }
    }

    @Test func `a whole file is read`() throws {
        let settings = try read(Self.whole)
        let prod = try settings.environment("prod")
        #expect(settings.state == "/var/lib/strongroom")
        #expect(try settings.store("main").trust == [UInt8](repeating: 0xAB, count: 32))
        #expect(prod.trustRoot == [UInt8](repeating: 1, count: 32))
        #expect(prod.sources.first?.revision == .branch("main"))
        #expect(
            prod.sources.first?.verification
                == .signed(
                    SignatureSettings(allowedSigners: "/etc/strongroom/allowed_signers", isRange: true)))
        guard case .files(let target)? = prod.targets.first else {
            Issue.record("no target of files")
            return
        }
        #expect(target.mode == 0o440 && target.layout == .generation && target.memory == .warned)
        #expect(prod.backup?.sources.map(\.name) == ["uploads", "database", "app"])
        guard case .command(let command)? = prod.backup?.sources[1].kind else {
            Issue.record("no command")
            return
        }
        #expect(
            command.program == ProgramSettings(arguments: ["pg_dump", "-Fc", "app"], timeoutSeconds: 600))
        #expect(command.minimumByteCount == 1 << 20 && command.restore == nil)
        #expect(prod.backup?.sources.map(\.maximumShrink) == [50, 50, 50])
    }

    @Test func `sources are reached by what their access says, and one of them is delivered`() throws {
        let settings = try read(
            Self.whole.replacing(
                "branch: main",
                with: """
                    versions: "^1.2"
                            access:
                              authorities: /etc/ca.pem
                              login: /etc/git.age
                              timeout: 5m
                              maximumBytes: 2GiB
                    """
            ).replacing(
                "      config:",
                with: """
                          application: { url: "ssh://git@example.org/app", tag: stable, deliver: false, verify: none,
                            access: { knownHosts: /etc/known_hosts, agent: /run/agent } }
                          config:
                    """))
        let prod = try settings.environment("prod")
        #expect(prod.sources.map(\.name) == ["application", "config"])
        #expect(prod.sources.map(\.isDelivered) == [false, true])
        #expect(prod.sources.map(\.revision) == [.tag("stable"), .versions("^1.2")])
        #expect(prod.sources[0].access.credential == .agent("/run/agent"))
        #expect(prod.sources[0].access.knownHosts == "/etc/known_hosts")
        let access = prod.sources[1].access
        #expect(access.credential == .login("/etc/git.age"))
        #expect(access.authorities == "/etc/ca.pem")
        #expect(access.timeoutSeconds == 300)
        #expect(access.maximumByteCount == 2 << 30)
        #expect(prod.usesCredentials)
        #expect(try !read(Self.whole).environment("prod").usesCredentials)
    }

    @Test(arguments: [
        ("branch: main", "branch: main\n        tag: v1"), ("branch: main", "path: x"),
        ("branch: main", "branch: main\n        deliver: false"),
        ("branch: main", "branch: main\n        access: { login: /a, key: /b }"),
        ("branch: main", "branch: main\n        access: { login: a }"),
        ("branch: main", "branch: main\n        access: { password: secret }"),
        ("      config:", "      app: { url: /srv/app, branch: main, verify: none }\n      config:"),
    ]) func `sources that can't be meant are refused`(old: String, new: String) {
        #expect(refusal(Self.whole.replacing(old, with: new)) != nil)
    }

    @Test func `an unknown key is refused with its line`() {
        let error = refusal(Self.whole.replacing("branch: main", with: "brunch: main"))
        #expect(error?.code == .malformed)
        #expect(error?.line == 12)
    }

    @Test(arguments: [
        ("            targets:", "            notify: []\n            targets:")
    ]) func `a setting that is not carried out is refused, not ignored`(old: String, new: String) {
        #expect(refusal(Self.whole.replacing(old.trimming, with: new.trimming))?.code == .malformed)
    }

    @Test(arguments: [
        ("state: /var", "state: var"), ("version: 1", "version: 2"), ("mode: \"0440\"", "mode: \"9\""),
        ("branch: main", "branch: main\n        commit: abc"), ("store: main", "store: other"),
        ("name: database", "name: uploads"), ("name: app,", "name: config,"), ("1MiB", "1MB"), ("10m", "10"),
        ("verify: { allowedSigners: /etc/strongroom/allowed_signers, range: true }", "verify: yes"),
        ("6f0c2f3e9a5b4d1c8e7f60718293a4b5", "6f0c"),
        ("store: main", "store: main\n      retention: {}"),
        ("store: main", "store: main\n      retention: { last: 0, daily: 0 }"),
        ("store: main", "store: main\n      retention: { last: -1 }"),
        ("store: main", "store: main\n      retention: { last: 1, minimumAge: 3 }"),
    ]) func `a value that can't be meant is refused`(old: String, new: String) {
        #expect(refusal(Self.whole.replacing(old, with: new)) != nil)
    }

    @Test func `retention is read with its defaults`() throws {
        let text = Self.whole.replacing(
            "store: main", with: "store: main\n      retention: { last: 8, daily: 14, yearly: 2 }")
        let retention = try #require(try read(text).environment("prod").backup?.retention)
        let more = Self.whole.replacing(
            "store: main", with: "store: main\n      retention: { within: 30d, tags: [release] }")
        let other = try #require(try read(more).environment("prod").backup?.retention)
        #expect(other.withinSeconds == 30 * 86_400 && other.tags == ["release"] && other.last == 0)
        #expect(retention.last == 8 && retention.daily == 14 && retention.yearly == 2)
        #expect(retention.hourly == 0 && retention.minimumAgeSeconds == 14 * 86_400)
        #expect(try read(Self.whole).environment("prod").backup?.retention == nil)
    }

    @Test func `what goes on around a capture is read`() throws {
        let text = Self.whole.replacing(
            "- directory: { name: uploads, path: /srv/app/uploads }",
            with: """
                - directory:
                            name: uploads
                            path: /srv/app/uploads
                            include: ["photos/**"]
                            exclude: ["**/*.tmp", cache]
                            oneFileSystem: true
                            maximumShrink: 90%
                            before: [systemctl, stop, app]
                            after: { run: [systemctl, start, app], timeout: 5m, required: false }
                """
        ).replacing(
            "timeout: 10m }",
            with: "restore: { run: [pg_restore, -d, app], timeout: 2h, drill: true } }"
        ).replacing("store: main", with: "store: main\n      maximumShrink: 20%")
        let sources = try #require(try read(text).environment("prod").backup?.sources)
        guard case .directory(let directory) = sources[0].kind, case .command(let command) = sources[1].kind
        else {
            Issue.record("no directory, or no command")
            return
        }
        #expect(directory.include == ["photos/**"] && directory.exclude == ["**/*.tmp", "cache"])
        #expect(directory.staysOnFileSystem)
        #expect(sources.map(\.maximumShrink) == [90, 20, 20])
        let before = try #require(sources[0].before)
        #expect(
            before.program == ProgramSettings(arguments: ["systemctl", "stop", "app"], timeoutSeconds: 60))
        #expect(before.isRequired)
        let after = try #require(sources[0].after)
        #expect(after.program.timeoutSeconds == 300 && !after.isRequired)
        let restore = try #require(command.restore)
        #expect(restore.program.arguments == ["pg_restore", "-d", "app"] && restore.runsInDrills)
        #expect(restore.program.timeoutSeconds == 7_200)
    }

    @Test func `a drill is read with its defaults`() throws {
        func drill(_ words: String) throws -> DrillSettings? {
            try read(Self.whole.replacing("store: main", with: "store: main\n      drill: \(words)"))
                .environment("prod").backup?.drill
        }
        let plain = try #require(try drill("{ schedule: \"@daily\" }"))
        #expect(plain.schedule == CronExpression("@daily") && plain.maximumAgeSeconds == 26 * 3_600)
        #expect(plain.identity == nil && plain.maximumTimeSeconds == nil && plain.checks.isEmpty)
        let full = try #require(
            try drill(
                "{ identity: /d, maximumAge: 2h, maximumTime: 30m, scratch: /s, checks: [{ name: app, run: [x, y] }] }"
            ))
        #expect(full.schedule == nil && full.identity == "/d" && full.scratch == "/s")
        #expect(full.maximumAgeSeconds == 7_200 && full.maximumTimeSeconds == 1_800)
        #expect(full.checks.map(\.name) == ["app"])
        #expect(
            full.checks.map(\.program) == [ProgramSettings(arguments: ["x", "y"], timeoutSeconds: 600)])
        #expect(try read(Self.whole).environment("prod").backup?.drill == nil)
        for words in [
            "{ schedule: never }", "{ identity: d }", "{ maximumAge: 2 }", "{ checks: [{ name: app }] }",
            "{ checks: [{ name: a, run: [x] }, { name: a, run: [y] }] }", "{ every: 1d }", "daily",
        ] {
            let text = Self.whole.replacing("store: main", with: "store: main\n      drill: \(words)")
            #expect(refusal(text)?.code == .malformed, "\(words)")
        }
    }

    @Test(arguments: [
        "exclude: [/cache]", "exclude: [cache/]", "exclude: [a/../b]", "include: [\"\"]", "include: x",
        "before: []", "before: { timeout: 1s }", "after: { run: [x], timeout: 1 }", "maximumShrink: 101%",
        "oneFileSystem: yes", "minimumBytes: 1", "restore: [x]",
    ]) func `what can't go on around the capture of a directory is refused with its line`(_ words: String) {
        let text = Self.whole.replacing(
            "path: /srv/app/uploads }", with: "path: /srv/app/uploads, \(words) }")
        #expect(refusal(text)?.code == .malformed)
        #expect(refusal(text)?.line == 20)
    }

    @Test func `a name that is not defined is told with those that are`() throws {
        let settings = try read(Self.whole)
        #expect(throws: SettingsError.self) { try settings.environment("staging") }
        do {
            _ = try settings.environment("staging")
        } catch {
            #expect(error.code == .unknownName)
            #expect(error.context.contains("prod"))
        }
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }

    fileprivate var trimming: String { String(drop { $0 == " " }) }
}
