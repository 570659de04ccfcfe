import Encodings
import Files
import Keyrings
import Sodium
import Support
import Testing

/// The merge driver in each format, hooks of others, and identities under a passphrase, through real `git`.
@Suite struct GitFormatsTests {
    private static let formats: [(file: String, text: String)] = [
        ("a.env", "A=one\nB=two\nC=three\n"),
        ("a.ini", "[s]\na = one\nb = two\nc = three\n[t]\na = x\n"),
        ("a.toml", "[s]\na = \"one\"\nb = \"two\"\nc = \"three\"\n[t]\na = 1\n"),
        ("a.json", "{\n  \"a\": \"one\",\n  \"b\": \"two\",\n  \"c\": \"three\"\n}\n"),
        ("a.yaml", "a: one\nb: two\nc: three\n"),
    ]

    private func world(installing: Bool = true) -> World {
        let world = World()
        world.edit(
            "config/.strongroom.yaml", "rules:\n",
            "rules:\n  - { paths: [\"conf/*\"], environment: prod, values: [\"**\"], scope: file }\n")
        for (file, text) in Self.formats { world.config.write("conf/\(file)", text) }
        expect(world.run(["seal"] + Self.formats.map { "conf/\($0.file)" }), 0, "sealed")
        if installing { world.must("git", "install") }
        _ = git(world, "add", "-A")
        let made = git(world, "commit", "-q", "-m", "All formats")
        #expect(made.status == 0, "\(made.errorText)")
        return world
    }

    /// Runs git with our program in its PATH, as `identity`.
    private func git(_ world: World, _ arguments: String..., identity: String? = nil) -> ShellCommand.Outcome
    {
        var variables = [
            "PATH": "\(CrashPoints.products):/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"),
            "STRONGROOM_IDENTITY": world.path("nobody"),
        ]
        if let identity { variables["STRONGROOM_IDENTITY"] = world.path(identity) }
        return ScratchRepository.git(["-C", world.path("config")] + arguments, adding: variables)
    }

    private func key(_ name: String, in file: String) -> String {
        switch file {
        case "a.env": name.uppercased()
        case "a.ini", "a.toml": "s.\(name)"
        default: name
        }
    }

    private func set(_ world: World, _ name: String, _ value: String) {
        for (file, _) in Self.formats {
            expect(
                world.run("set", "conf/\(file)", key(name, in: file), stdin: value), 0, "sealed")
        }
    }

    private func branch(_ world: World, _ name: String, _ change: () -> Void) {
        _ = git(world, "checkout", "-q", "-b", name, "main")
        change()
        let made = git(world, "commit", "-q", "-a", "-m", name)
        #expect(made.status == 0, "\(made.errorText)")
    }

    @Test func `neighbouring lines merge by key in every format, and one key conflicts alone`() {
        let world = world()
        branch(world, "ours") {
            set(world, "a", "OURS")
            set(world, "c", "mine")
        }
        branch(world, "theirs") {
            set(world, "b", "THEIRS")
        }
        branch(world, "both") {
            set(world, "a", "BOTH")
            set(world, "b", "kept")
        }
        _ = git(world, "checkout", "-q", "ours")
        let clean = git(world, "merge", "-q", "--no-edit", "theirs")
        #expect(clean.status == 0, "\(clean.text)\(clean.errorText)")
        for (file, text) in Self.formats {
            let opened = world.must("open", "conf/\(file)", identity: "alice")
            for value in ["OURS", "THEIRS", "mine"] { #expect(opened.contains(value), "\(file): \(opened)") }
            #expect(opened.split(separator: "\n").count == text.split(separator: "\n").count)
        }
        _ = git(world, "reset", "-q", "--hard", "HEAD~1")
        let conflict = git(world, "merge", "-q", "--no-edit", "both")
        #expect(conflict.status == 1)
        for (file, _) in Self.formats {
            let merged = world.text("config/conf/\(file)")
            let lines = merged.split(separator: "\n")
            #expect(lines.count { $0.hasPrefix("<<<<<<<") } == 1, "\(file): \(merged)")
            // One line of ours, one of theirs, around them what both sides agree on.
            guard let start = lines.firstIndex(where: { $0.hasPrefix("<<<<<<<") }) else { continue }
            #expect(
                lines[start + 2] == "=======" && lines[start + 4].hasPrefix(">>>>>>>"), "\(file): \(merged)")
        }
    }

    @Test func `an identity under a passphrase is not asked for in a diff, which says so`() throws {
        let world = world()
        let identity = X25519Identity.generate()
        let content = IdentityFile.content(of: identity, created: Timestamp(nanoseconds: 0))
        let passphrase = Array("correct horse".utf8).withBytes { SecretBytes(copying: $0) }
        let file = try IdentityFile.encrypt(content, passphrase: passphrase, logN: 10)
        try file.withBytes { try IdentityFile.create(Path(world.path("locked")), content: $0) }
        set(world, "a", "changed")
        let locked = git(world, "diff", identity: "locked")
        #expect(locked.status == 0 && locked.errorText.isEmpty, "\(locked.errorText)")
        #expect(locked.text.contains(", identity locked") && !locked.text.contains("changed"))
        #expect(!locked.text.contains("sealed.v1."))
        let open = git(world, "diff", identity: "alice.identity")
        #expect(open.text.contains("changed") && !open.text.contains("locked"))
        let none = git(world, "diff")
        #expect(!none.text.contains("locked") && none.text.contains("sealed prod-1 #"))
    }

    @Test func `husky's hook is the one that is named, and is found when it calls us`() {
        let world = world(installing: false)
        world.config.write(".husky/_/pre-commit", "#!/bin/sh\n. \"$(dirname \"$0\")/h\"\n")
        world.config.write(".husky/pre-commit", "npm test\n")
        _ = git(world, "config", "core.hooksPath", ".husky/_")
        let first = world.run("git", "install")
        #expect(first.errorText.contains("/.husky/pre-commit: another hook stands there and is left alone"))
        #expect(world.text("config/.husky/_/pre-commit").hasPrefix("#!/bin/sh\n. "))
        world.config.write(".husky/pre-commit", "npm test\nstrongroom git pre-commit || exit $?\n")
        #expect(world.run("git", "install").errorText.contains("calls us already"))
        #expect(world.text("config/.husky/_/pre-commit").hasPrefix("#!/bin/sh\n. "))
    }
}
