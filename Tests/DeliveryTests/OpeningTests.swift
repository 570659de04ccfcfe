import Encodings
import Files
import Git
import Glibc
import Keyrings
import SSH
import Sealing
import Sodium
import Support
import Testing
import Trust

@testable import Delivery

@Suite struct OpeningTests {
    let world: World

    init() throws { world = try World() }

    private func replace(_ name: String, _ change: (String) -> String) {
        world.repository.write(name, change(String(decoding: world.read(name), as: UTF8.self)))
    }

    // MARK: - Tokens

    @Test func `F019 a token moved to another key is refused`() async throws {
        replace("deploy/prod/database.yaml") {
            $0.replacing("username:", with: "swap:").replacing("password:", with: "username:")
                .replacing("swap:", with: "password:")
        }
        world.repository.commit("moved")
        #expect(try await ending(world.reconciliation()) == .cannotOpen)
        #expect(!world.hasTarget)
    }

    @Test func `F020 a token moved to another object is refused`() async throws {
        replace("deploy/prod/database.yaml") { $0.replacing("namespace: shop", with: "namespace: attacker") }
        world.repository.commit("moved")
        #expect(try await ending(world.reconciliation()) == .cannotOpen)
    }

    @Test(arguments: [
        "note.txt", "app.env", "deep/note.yaml", "note.json",
    ])
    func `a token where nothing opens it is never delivered`(name: String) async throws {
        let sealed = String(decoding: world.read("deploy/prod/database.yaml"), as: UTF8.self)
        let token = try #require(
            sealed.split(whereSeparator: { " \n".contains($0) }).first { $0.hasPrefix("sealed.v1.") })
        let text =
            name.hasSuffix(".json")
            ? "{\"key \(token)\": 1}"
            : "# before \(token) after\n\(name.hasSuffix(".env") ? "KEY=value" : "key: value")\n"
        world.repository.write("deploy/prod/\(name)", text)
        world.repository.commit("left sealed")
        let refused = try await ending(world.reconciliation())
        #expect(refused == .stillSealed || refused == .cannotOpen)
        #expect(!world.hasTarget)
    }

    @Test func `a SOPS marker is never delivered`() async throws {
        world.repository.write(
            "deploy/prod/sops.yaml", "password: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n")
        world.repository.commit("sops")
        #expect(try await ending(world.reconciliation()) == .stillSealed)
    }

    @Test(arguments: [
        (#"a: "\x73ealed.v1.prod-1.f.AAAA""#, "deploy/prod/x.yaml"),
        ("a: \"sea\\\n  led.v1.x\"\n", "deploy/prod/x.yaml"),
        (#"{"a": "\u0073ealed.v1.x"}"#, "deploy/prod/x.json"),
        (#"{{ t }} "\x73ealed.v1.x""#, "deploy/prod/x.yaml"),
    ]) func `a token in another spelling is never delivered`(text: String, path: String) async throws {
        world.repository.write(path, text)
        world.repository.commit("escaped")
        let end = try await ending(world.reconciliation())
        #expect(end == .malformedContent || end == .stillSealed)
        #expect(!world.hasTarget)
    }

    @Test func `a scanner of documents finds a mark in another spelling however the content is cut`() {
        let text = Array(#"aaaa \x73eal\u0065d.v1.prod-1.e.x"#.utf8)
        for cut in 0...text.count {
            var scanner = MarkScanner(isDocument: true)
            let first = Array(text[..<cut]).withBytes { scanner.finds(in: $0) }
            let second = Array(text[cut...]).withBytes { scanner.finds(in: $0) }
            #expect(first || second)
        }
    }

    @Test func `a mark inside a sealed file is never delivered, wherever it lies`() async throws {
        for offset in [0, 1, 65_530, 65_536, 131_060] {
            let bytes =
                [UInt8](repeating: 0x61, count: offset) + Array("sealed.v1.prod-1.e.AAAA".utf8) + [0x0A]
            try world.sealFile("deploy/prod/server.key", bytes)
            world.repository.commit("token at \(offset)")
            #expect(try await ending(world.reconciliation()) == .stillSealed)
        }
        #expect(!world.hasTarget)
    }

    @Test func `a scanner finds a mark however the content is cut, and nothing else`() {
        let text = Array("aaaa sealed.v1.prod-1.e.x".utf8)
        for cut in 0...text.count {
            for width in [1, 3, 64] {
                var scanner = MarkScanner(isDocument: false)
                var found = false
                var pieces = [Array(text[..<cut])]
                var rest = text[cut...]
                while !rest.isEmpty {
                    pieces.append(Array(rest.prefix(width)))
                    rest = rest.dropFirst(width)
                }
                for piece in pieces where piece.withBytes({ scanner.finds(in: $0) }) { found = true }
                #expect(found)
            }
        }
        var scanner = MarkScanner(isDocument: false)
        let plain = Array("sealed.vault sealed.v sealed.v1 ENC[AES".utf8)
        for byte in plain {
            let found = [byte].withBytes { scanner.finds(in: $0) }
            #expect(!found)
        }
    }

    @Test func `an error while a secret is in hand doesn't say it`() async throws {
        // One token that opens to the canary and one that is broken: all or nothing, and no word of either.
        try world.seal("deploy/prod/second.yaml", World.secret("second-\(World.canary)"))
        replace("deploy/prod/second.yaml") { text in
            guard let range = text.firstRange(of: "password: sealed.v1.") else { return text }
            let tail = text[range.upperBound...]
            guard let dot = tail.lastIndex(of: ".") else { return text }
            let index = text.index(dot, offsetBy: 50)
            let other: Character = text[index] == "A" ? "B" : "A"
            return text.replacingCharacters(at: index, with: other)
        }
        world.repository.commit("broken")
        #expect(try await ending(world.reconciliation()) == .cannotOpen)
        let all = ShellCommand.run("grep", ["-rl", "CANARY", world.scratch.file("state")])
        #expect(all.status == 1)
        #expect(!world.hasTarget)
    }

    // MARK: - Sealed files

    @Test func `F020 a sealed file at another path is refused`() async throws {
        try world.sealFile("deploy/prod/server.key", Array("key".utf8), for: "deploy/prod/other.key")
        world.repository.commit("moved")
        #expect(try await ending(world.reconciliation()) == .cannotOpen)
    }

    @Test func `F018 a truncated sealed file is refused`() async throws {
        try world.sealFile("deploy/prod/server.key", RandomBytes.make(70_000))
        let whole = world.read("deploy/prod/server.key")
        for count in [whole.count - 1, whole.count - 5_000, 66_000, 300, 100, 22] {
            world.repository.write("deploy/prod/server.key", Array(whole[..<count]))
            world.repository.commit("cut to \(count)")
            let refused = try await ending(world.reconciliation())
            #expect(refused == .cannotOpen || refused == .malformedContent)
        }
        #expect(!world.hasTarget)
    }

    @Test func `F058 what stops the writing of a sealed file is told as it was`() throws {
        try world.sealFile("deploy/prod/server.key", RandomBytes.make(200_000))
        world.repository.commit("key")
        let tree = try world.reconciliation().open(at: time(1_700_001_000))
        let file = try tree.file(at: "server.key")
        for full: DeliveryError.Code in [.noSpace, .io, .targetRefused] {
            var pieceCount = 0
            let refused = code { () throws(DeliveryError) in
                try file.write(checking: tree.digest) { _ throws(DeliveryError) in
                    pieceCount += 1
                    if pieceCount == 2 { throw DeliveryError(full, "full") }
                }
            }
            #expect(refused == full && pieceCount == 2)
        }
    }

    @Test func `a plain age file and an armored sealed file are refused`() async throws {
        let plain = try Array("key".utf8).withBytes { (span) throws(AgeError) in
            try Age.encrypt(span, with: AgeEncryptor(recipients: [world.member.recipient]))
        }
        world.repository.write("deploy/prod/server.key", plain)
        world.repository.commit("plain age")
        #expect(try await ending(world.reconciliation()) == .malformedContent)
        try world.sealFile("deploy/prod/server.key", Array("key".utf8))
        world.repository.write("deploy/prod/cert.pem", Armor.encode(world.read("deploy/prod/server.key")))
        world.repository.commit("armored")
        #expect(try await ending(world.reconciliation()) == .stillSealed)
    }

    @Test func `plaintext where a sealed file is required is refused`() async throws {
        world.repository.write("deploy/prod/server.key", "plaintext")
        world.repository.commit("plaintext")
        #expect(try await ending(world.reconciliation()) == .plaintextRefused)
    }

    @Test func `a plaintext value where a sealed one is required is refused`() async throws {
        world.repository.write("deploy/prod/strict/app.yaml", "password: \(World.canary)\n")
        world.repository.commit("plaintext")
        #expect(try await ending(world.reconciliation()) == .plaintextRefused)
    }

    @Test(arguments: ["x.txt", "x", "x.xml"])
    func `plaintext that can't be sealed is refused where sealed values are required`(name: String)
        async throws
    {
        world.repository.write("deploy/prod/strict/\(name)", World.canary)
        world.repository.commit("plaintext")
        #expect(try await ending(world.reconciliation()) == .plaintextRefused)
    }

    // MARK: - Tree

    @Test func `F041 a symbolic link in the tree is refused, one on the way too`() async throws {
        unsafe symlink("/etc/passwd", world.repository.path + "/deploy/prod/link.yaml")
        world.repository.commit("link")
        #expect(try await ending(world.reconciliation()) == .linkInTree)
        unsafe unlink(world.repository.path + "/deploy/prod/link.yaml")
        unsafe symlink("deploy", world.repository.path + "/alias")
        world.repository.commit("alias")
        #expect(
            try await ending(world.reconciliation(source: world.source(path: "alias/prod"))) == .linkInTree)
        #expect(try await ending(world.reconciliation()) == nil)
    }

    @Test func `F042 a submodule is left out and said`() async throws {
        world.repository.write(
            ".gitmodules", "[submodule \"x\"]\n\tpath = deploy/prod/sub\n\turl = ../../../../etc\n")
        world.repository.git("add", "-A")
        world.repository.git(
            "update-index", "--add", "--cacheinfo",
            "160000,\(String(repeating: "1", count: 40)),deploy/prod/sub")
        world.repository.git("commit", "-q", "-m", "submodule")
        let receipts = try await world.reconciliation().run(at: time(1_700_001_000))
        #expect(receipts.first?.notices == ["submodule sub is not delivered"])
        #expect(world.delivered("app.yaml") != nil)
    }

    @Test func `F040 a hostile name in the tree is refused`() async throws {
        world.repository.commit("first")
        let blob = world.repository.object("blob", Array("x".utf8))
        let raw = stride(from: 0, to: 40, by: 2).map { offset in
            let start = blob.utf8.index(blob.utf8.startIndex, offsetBy: offset)
            return UInt8(String(blob[start...].prefix(2)), radix: 16) ?? 0
        }
        for name in ["..", ".git", "a\\b", ".GIT"] {
            let tree = world.repository.object("tree", Array("100644 \(name)".utf8) + [0] + raw)
            let head = world.repository.git("rev-parse", "HEAD^{tree}:deploy")
            let listing = world.repository.git("ls-tree", head).replacing(
                world.repository.git("rev-parse", "\(head):prod"), with: tree)
            let deploy = world.repository.git("mktree", "--missing", stdin: Array((listing + "\n").utf8))
            let root = world.repository.git("ls-tree", "HEAD").replacing(head, with: deploy)
            let made = world.repository.git("mktree", "--missing", stdin: Array((root + "\n").utf8))
            let commit = world.repository.git("commit-tree", "-S", "-m", "hostile", "-p", "HEAD", made)
            world.repository.git("update-ref", "refs/heads/hostile", commit)
            let source = try world.source(branch: "hostile")
            #expect(try await ending(world.reconciliation(source: source)) == .malformedSource)
        }
        #expect(!world.hasTarget)
    }

    @Test func `F043 attributes change no byte`() async throws {
        world.repository.write("deploy/prod/ident.txt", "$Id$\nline\n")
        world.repository.commit("first")
        let text = "* text eol=crlf ident filter=x export-subst export-ignore\n"
        let attributes = world.repository.object("blob", Array(text.utf8))
        for place in [".gitattributes", "deploy/prod/.gitattributes"] {
            world.repository.git("update-index", "--add", "--cacheinfo", "100644,\(attributes),\(place)")
        }
        world.repository.git("commit", "-q", "-m", "attributes")
        #expect(try await ending(world.reconciliation()) == nil)
        #expect(world.delivered("ident.txt") == "$Id$\nline\n")
    }

    @Test func `executables stay executable, empty files empty, and odd names themselves`() async throws {
        world.repository.write("deploy/prod/run.sh", "#!/bin/sh\n")
        unsafe chmod(world.repository.path + "/deploy/prod/run.sh", 0o755)
        world.repository.write("deploy/prod/empty", "")
        world.repository.write("deploy/prod/e\u{301} \u{e9} \"q\"", "odd")
        world.repository.write("deploy/prod/\u{e9} \"q\"", "odd twin")
        world.repository.commit("modes")
        #expect(try await ending(world.reconciliation()) == nil)
        #expect(world.delivered("e\u{301} \u{e9} \"q\"") == "odd")
        #expect(world.delivered("\u{e9} \"q\"") == "odd twin")
        #expect(world.delivered("empty")?.isEmpty == true)
        let modes = ShellCommand.run(
            "stat", ["-c", "%a", world.scratch.file("app/run.sh"), world.scratch.file("app/empty")])
        #expect(modes.text == "500\n400")
    }

    @Test func `the whole repository is delivered without Strongroom's own files`() async throws {
        world.repository.write("README", "read me")
        world.repository.commit("first")
        _ = try await world.reconciliation(source: world.source(path: "")).run(at: time(1_700_001_000))
        #expect(world.delivered("README") == "read me")
        #expect(world.delivered("deploy/prod/database.yaml") == World.secret(World.canary))
        #expect(world.delivered(".strongroom.yaml") == nil)
        #expect(world.delivered("Keys/prod.yaml") == nil)
    }

    // MARK: - Rules and keyring

    @Test func `another repository's id is refused`() async throws {
        world.repository.commit("first")
        let other = RepositoryID(random: RandomBytes.make(16))
        #expect(try await ending(world.reconciliation(expecting: other)) == .foreignRepository)
        world.write(rules: world.standardRules, id: other)
        world.repository.commit("another id")
        #expect(try await ending(world.reconciliation()) == .foreignRepository)
    }

    @Test func `rules or keyring that are missing or malformed are refused`() async throws {
        world.repository.write(".strongroom.yaml", "version: 1\nsurprise: true\n")
        world.repository.commit("malformed rules")
        #expect(try await ending(world.reconciliation()) == .malformedRules)
        world.write(rules: world.standardRules)
        world.repository.write("Keys/prod.yaml", "version: 1\n")
        world.repository.commit("malformed keyring")
        #expect(try await ending(world.reconciliation()) == .malformedKeyring)
        world.repository.git("rm", "-q", "Keys/prod.yaml")
        world.repository.commit("no keyring")
        #expect(try await ending(world.reconciliation()) == .configurationMissing)
        world.repository.git("rm", "-q", ".strongroom.yaml")
        world.repository.commit("no rules")
        #expect(try await ending(world.reconciliation()) == .configurationMissing)
    }

    @Test func `a keyring of another root is refused, by fingerprint and by pin`() async throws {
        world.repository.commit("first")
        let pins = Pins(directory: Path(world.scratch.file("pins")))
        let receipts = try await world.reconciliation(pins: pins).run(at: time(1_700_001_000))
        #expect(receipts.first?.notices.first?.contains("\(world.keyring.root)") == true)
        let other = try Keyring.create(
            environment: "prod", members: [Member(name: "host", recipient: world.member.recipient.text)],
            signingWith: SigningKey())
        world.repository.write("Keys/prod.yaml", other.yaml)
        world.repository.commit("another root")
        #expect(try await ending(world.reconciliation()) == .keyringRefused)
        #expect(try await ending(world.reconciliation(pins: pins)) == .keyringRefused)
    }

    @Test func `a keyring generation that no admin signed is refused`() async throws {
        let body = try KeyringBody(newFor: [
            Member(name: "mallory", recipient: X25519Identity.generate().recipient.text)
        ])
        let header = try GenerationHeader(
            after: world.keyring.chain.newest, threshold: 1, admins: world.keyring.chain.newest.admins,
            body: body.bytes)
        let forged = SignedGeneration(signing: header, with: SigningKey())
        #expect(throws: KeyringError.self) {
            try Keyring(
                environment: "prod", generations: world.keyring.chain.generations + [forged], body: body)
        }
        // By the file: the honest one with the forger's generation in it, as text.
        let admin = SigningKey(seed: world.seed.withBytes { SecretBytes(copying: $0) })
        let good = SignedGeneration(signing: header, with: admin)
        let honest = try Keyring(
            environment: "prod", generations: world.keyring.chain.generations + [good], body: body)
        let text = String(decoding: honest.yaml, as: UTF8.self)
        let mine = try #require(forged.signatures.first).armored.split(separator: "\n")
        let theirs = try #require(good.signatures.first).armored.split(separator: "\n")
        let edited = zip(theirs, mine).reduce(text) { text, pair in
            text.replacing(String(pair.0), with: String(pair.1))
        }
        #expect(edited != text)
        world.repository.write("Keys/prod.yaml", edited)
        world.repository.commit("forged generation")
        #expect(try await ending(world.reconciliation()) == .keyringRefused)
        #expect(!world.hasTarget)
    }

    @Test func `an older keyring is refused at a followed branch and opens at a commit chosen by hand`()
        async throws
    {
        let first = world.repository.commit("first")
        let admin = SigningKey(seed: world.seed.withBytes { SecretBytes(copying: $0) })
        let opened = try world.keyring.open(with: [world.member])
        let members =
            world.keyring.body.members + [
                try Member(name: "second", recipient: X25519Identity.generate().recipient.text)
            ]
        let body = try KeyringBody(rewrapping: world.keyring.body, opened: opened, for: members)
        let header = try GenerationHeader(
            after: world.keyring.chain.newest, threshold: 1, admins: world.keyring.chain.newest.admins,
            body: body.bytes)
        let newer = try Keyring(
            environment: "prod",
            generations: world.keyring.chain.generations + [SignedGeneration(signing: header, with: admin)],
            body: body)
        world.repository.write("Keys/prod.yaml", newer.yaml)
        world.repository.commit("newer keyring")
        let pins = Pins(directory: Path(world.scratch.file("pins")))
        #expect(try await ending(world.reconciliation(pins: pins)) == nil)
        world.repository.git("checkout", "-q", first, "--", "Keys/prod.yaml")
        world.repository.commit("older keyring again")
        #expect(try await ending(world.reconciliation(pins: pins)) == .keyringRefused)
        #expect(
            try await ending(world.reconciliation(source: world.source(commit: first), pins: pins)) == nil)
    }

    @Test func `nobody but a member opens`() async throws {
        world.repository.commit("first")
        let stranger = X25519Identity.generate()
        #expect(try await ending(world.reconciliation(identities: [stranger])) == .noIdentity)
        #expect(try await ending(world.reconciliation(identities: [])) == .noIdentity)
    }

    @Test func `an environment that has no name of one is refused`() throws {
        let trust = try KeyringTrust(root: world.keyring.root, pins: nil)
        for name in ["", "../prod", "Prod", "prod/x", "-prod"] {
            #expect(
                code { () throws(DeliveryError) in
                    try TreeOpener(environment: name, trust: trust, identities: [])
                }
                    == .unusableRequest)
        }
        #expect(
            code { () throws(DeliveryError) in try KeyringTrust(root: nil, pins: nil) } == .unusableRequest)
    }
}

extension String {
    fileprivate func replacingCharacters(at index: Index, with character: Character) -> String {
        String(self[..<index]) + String(character) + String(self[self.index(after: index)...])
    }
}
