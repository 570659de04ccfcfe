import Support
import Testing

/// What the host refuses to deliver for its signature: exit code 5, and the target as it was (CASES.md F049-F055).
@Suite struct SignatureRefusalTests {
    private let world = World()

    /// Puts a commit of other bytes at the head of main: `change` gets the head's text and gives the new one.
    private func rewriteHead(_ change: (String) -> String) {
        let raw = world.config.run("cat-file", "commit", "HEAD").stdout
        let id = world.config.object("commit", Array(change(String(decoding: raw, as: UTF8.self)).utf8))
        world.config.git("update-ref", "refs/heads/main", id)
    }

    /// The text without its signature, and the signature's header.
    private func split(_ text: String) -> (payload: String, header: String) {
        guard let start = text.firstRange(of: "gpgsig "), let end = text.firstRange(of: "\n\n") else {
            return (text, "")
        }
        let header = String(text[start.lowerBound..<end.lowerBound])
        return (text.replacing("\(header)\n", with: ""), header)
    }

    /// The commit of `payload` with a signature by `name`.
    private func signed(_ payload: String, as name: String = "alice", namespace: String = "git") -> String {
        let armor = ShellCommand.run(
            "ssh-keygen", ["-Y", "sign", "-n", namespace, "-f", world.path(name)], stdin: Array(payload.utf8))
        precondition(armor.status == 0, armor.errorText)
        let folded = armor.text.split(separator: "\n").joined(separator: "\n ")
        return payload.replacing("\n\n", with: "\ngpgsig \(folded)\n\n", maxReplacements: 1)
    }

    /// A second commit on top of a delivered one, changed by `change`, is refused; what was delivered stays.
    private func expectRefused(
        _ words: String? = nil, sourceLocation: SourceLocation = #_sourceLocation, _ change: () -> Void
    ) throws {
        expect(world.sync(), 0, sourceLocation: sourceLocation)
        let before = try world.delivered()
        world.config.write("deploy/prod/app.yaml", "listen: 6666\n")
        world.config.commit("Second")
        change()
        let refused = world.sync()
        expect(refused, 5, sourceLocation: sourceLocation)
        if let words { expect(refused, 5, words, sourceLocation: sourceLocation) }
        #expect(try world.delivered() == before, sourceLocation: sourceLocation)
    }

    /// Signs the head anew as `name`; nil leaves it unsigned.
    private func resign(as name: String?) {
        world.config.git("config", "commit.gpgsign", name == nil ? "false" : "true")
        world.config.git("config", "user.signingkey", world.path(name ?? "alice"))
        world.config.git("commit", "-q", "--amend", "--no-edit")
        world.config.git("config", "commit.gpgsign", "true")
        world.config.git("config", "user.signingkey", world.path("alice"))
    }

    @Test func `F049: an unsigned commit is not delivered`() throws {
        try expectRefused("not signed") { resign(as: nil) }
    }

    @Test func `F049: a commit signed by an unknown key is not delivered`() throws {
        try expectRefused("is not allowed to sign") { resign(as: "mallory") }
    }

    @Test func `F049: a key listed for another path of the repository is refused here`() throws {
        world.write("others", "mallory@example.org \(world.text("mallory.pub"))")
        try expectRefused("is not allowed to sign") { resign(as: "mallory") }
        // The same commit is good for the environment that lists the key.
        let elsewhere = world.run(
            "sync", "--once", "--source", world.config.path, "--path", "deploy/prod", "--allowed-signers",
            world.path("others"), "--trust", world.text("prod.trust"), "--target", world.path("elsewhere"),
            identity: "host")
        expect(elsewhere, 0)
    }

    @Test func `F049: a key that signs in somebody else's name is refused where names have to match`() throws
    {
        world.edit("host/strongroom.yaml", "allowed_signers }", "allowed_signers, match: [committer] }")
        // Commits here name grace@example.org as their committer.
        expect(world.sync(), 5, "does not sign for the committer")
        world.write("allowed_signers", "alice@example.org,grace@example.org \(world.text("alice.pub"))")
        expect(world.sync(), 0)
    }

    @Test(arguments: [
        "valid-before=\"20200101Z\" ", "valid-after=\"20900101Z\" ", "namespaces=\"file\" ",
        "cert-authority ",
    ])
    func `F050: a key out of its time or namespace, or an authority's, approves nothing`(options: String)
        throws
    {
        try expectRefused {
            world.write("allowed_signers", "alice@example.org \(options)\(world.text("alice.pub"))")
        }
    }

    @Test(arguments: ["", "# nobody\n", "alice@example.org\n", "alice@example.org ssh-ed25519 AAAA\n"])
    func `F050: a signers file that is empty or malformed allows nobody`(text: String) throws {
        try expectRefused { world.write("allowed_signers", text) }
    }

    @Test func `F050: a signers file that is not there allows nobody`() throws {
        try expectRefused("can't be read") { _ = ShellCommand.run("rm", [world.path("allowed_signers")]) }
    }

    @Test func `F050: a revoked key approves nothing`() throws {
        try expectRefused("revoked") {
            world.edit(
                "host/strongroom.yaml", "allowed_signers }",
                "allowed_signers, revokedKeys: \(world.path("alice.pub")) }")
        }
    }

    @Test func `F051: a commit with two signatures is not delivered`() throws {
        try expectRefused {
            rewriteHead { text in
                text.replacing("\n\n", with: "\n\(split(text).header)\n\n", maxReplacements: 1)
            }
        }
    }

    @Test func `F052: a signature in the message signs nothing`() throws {
        try expectRefused("not signed") {
            rewriteHead { text in split(text).payload + split(text).header + "\n" }
        }
    }

    @Test(arguments: [
        "gpgsig-sha256", "two trees", "two authors", "parent after author", "parent after signature",
    ])
    func `F053: a commit laid out otherwise is not delivered`(kind: String) throws {
        try expectRefused {
            rewriteHead { text in
                let payload = split(text).payload
                let lines = payload.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                let parent = lines.first { $0.hasPrefix("parent ") } ?? ""
                let author = lines.first { $0.hasPrefix("author ") } ?? ""
                return switch kind {
                case "gpgsig-sha256": text.replacing("gpgsig ", with: "gpgsig-sha256 ")
                case "two trees": signed("\(lines[0])\n\(payload)")
                case "two authors":
                    signed(payload.replacing("committer ", with: "\(author)\ncommitter ", maxReplacements: 1))
                case "parent after author":
                    signed(payload.replacing("committer ", with: "\(parent)\ncommitter ", maxReplacements: 1))
                default:
                    signed(payload).replacing("\n\n", with: "\n\(parent)\n\n", maxReplacements: 1)
                }
            }
        }
    }

    @Test func `F054: a signature made for files is refused`() throws {
        try expectRefused { rewriteHead { signed(split($0).payload, namespace: "file") } }
    }

    @Test func `F054: a signature with bytes behind it is refused`() throws {
        try expectRefused { rewriteHead { $0.replacing("-----END SSH", with: "AAAA\n -----END SSH") } }
    }

    @Test(arguments: [nil, "mallory"])
    func `F055: a commit slipped in under a signed head is refused in range mode`(name: String?) throws {
        world.edit("host/strongroom.yaml", "allowed_signers }", "allowed_signers, range: true }")
        try expectRefused {
            resign(as: name)
            world.config.write("deploy/prod/app.yaml", "listen: 8080\n")
            world.config.commit("On top")
        }
        world.edit("host/strongroom.yaml", "range: true", "range: false")
        expect(world.sync(), 0)
    }

    @Test func `F055: a foreign commit that a signed merge brings in is refused in range mode`() throws {
        world.edit("host/strongroom.yaml", "allowed_signers }", "allowed_signers, range: true }")
        let first = world.config.git("rev-parse", "HEAD")
        try expectRefused {
            world.config.git("checkout", "-q", "-b", "side", first)
            world.config.write("deploy/prod/extra.yaml", "a: 1\n")
            world.config.commit("Foreign")
            resign(as: "mallory")
            world.config.git("checkout", "-q", "main")
            world.config.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
        }
    }

    @Test func `F055: a range begins where the settings say before anything was delivered`() throws {
        world.config.write("deploy/prod/app.yaml", "listen: 1\n")
        world.config.commit("Second")
        resign(as: "mallory")
        let foreign = world.config.git("rev-parse", "HEAD")
        world.config.write("deploy/prod/app.yaml", "listen: 2\n")
        world.config.commit("On top")
        let first = world.config.git("rev-parse", "HEAD~2")
        world.edit("host/strongroom.yaml", "allowed_signers }", "allowed_signers, since: \(first) }")
        expect(world.sync(), 5, foreign)
        world.edit("host/strongroom.yaml", "since: \(first)", "since: \(foreign)")
        expect(world.sync(), 0)
    }

    // MARK: - Going back

    @Test func `a branch that was set back is delivered on the operator's word, which is written down`()
        throws
    {
        let first = world.config.git("rev-parse", "HEAD")
        expect(world.sync(), 0)
        let delivered = try world.delivered()
        world.config.write("deploy/prod/app.yaml", "listen: 2\n")
        let second = world.config.commit("Second")
        expect(world.sync(), 0)
        world.config.git("reset", "-q", "--hard", first)
        let refused = world.sync()
        expect(refused, 5)
        #expect(refused.errorText.contains("--allow-rollback"))
        expect(world.sync("--allow-rollback", second), 5)
        expect(world.sync("--allow-rollback", "HEAD"), 2)
        expect(world.sync("--reason", "no commit"), 2)
        expect(world.sync("--allow-rollback", first, "--reason", "the second was wrong"), 0)
        #expect(try world.delivered() == delivered)
        let log = world.text("host/state/audit/log").split(separator: "\n").filter {
            $0.contains("\"override\"")
        }
        #expect(log.count == 2)
        #expect(log.last?.contains("\"commit\":\"\(first)\"") == true)
        #expect(log.last?.contains("\"from\":\"\(second)\"") == true)
        #expect(log.last?.contains("the second was wrong") == true)
        // From here on the branch goes forward from there.
        expect(world.sync(), 0)
        world.config.git("reset", "-q", "--hard", second)
        expect(world.sync(), 0)
    }

    @Test func `going back takes no commit that nobody allowed has signed`() throws {
        let first = world.config.git("rev-parse", "HEAD")
        world.config.write("deploy/prod/app.yaml", "listen: 2\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.git("reset", "-q", "--hard", first)
        resign(as: "mallory")
        let foreign = world.config.git("rev-parse", "HEAD")
        expect(world.sync("--allow-rollback", foreign), 5, "is not allowed to sign")
        #expect(try world.delivered() == before)
    }

    @Test func `what can't be written into the audit log does not happen`() throws {
        let first = world.config.git("rev-parse", "HEAD")
        world.config.write("deploy/prod/app.yaml", "listen: 2\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.git("reset", "-q", "--hard", first)
        world.write("host/state/audit/log", "not a log\n")
        #expect(world.sync("--allow-rollback", first).status != 0)
        #expect(try world.delivered() == before)
    }

    // MARK: - OpenPGP

    private static let hasGnuPG =
        Vectors.isCI || ["gpg", "gpgv"].allSatisfy { ShellCommand.run($0, ["--version"]).status == 0 }

    @Test(.enabled(if: hasGnuPG, "gpg and gpgv are not here (Scripts/packages test)"))
    func `a commit signed with OpenPGP is delivered where the keyring and the fingerprint allow it`() throws {
        let home = world.path("gnupg")
        world.write("gnupg/gpg.conf", "")
        _ = ShellCommand.run("chmod", ["700", home])
        defer { _ = ShellCommand.run("gpgconf", ["--homedir", home, "--kill", "all"]) }
        func gpg(_ arguments: String...) -> ShellCommand.Outcome {
            ShellCommand.run("gpg", ["--homedir", home, "--batch", "-q", "--passphrase", ""] + arguments)
        }
        for name in ["alice", "mallory"] {
            let made = gpg("--quick-gen-key", "\(name)@example.org", "ed25519", "sign", "never")
            try #require(made.status == 0, "\(made.errorText)")
        }
        func fingerprint(_ name: String) -> String {
            let lines = gpg("--with-colons", "--list-keys", "\(name)@example.org").text.split(separator: "\n")
            return lines.first { $0.hasPrefix("fpr:") }?.split(separator: ":").last.map(String.init) ?? ""
        }
        ScratchRepository(at: world.path("host")).write("keyring.gpg", gpg("--export").stdout)
        let rule =
            "openpgp: { keyring: \(world.path("host/keyring.gpg")), keys: [\"\(fingerprint("alice"))\"] }"
        world.edit(
            "host/strongroom.yaml", "allowedSigners: \(world.path("allowed_signers"))",
            "allowedSigners: \(world.path("allowed_signers")), range: true, \(rule)")
        world.config.git("config", "gpg.format", "openpgp")
        func commit(_ text: String, as name: String) {
            world.config.write("deploy/prod/app.yaml", text)
            world.config.git("add", "-A")
            world.config.git(
                "commit", "-q", "-S\(fingerprint(name))", "-m", text, adding: ["GNUPGHOME": home])
        }
        expect(world.sync(), 0)
        commit("listen: 3\n", as: "alice")
        expect(world.sync(), 0)
        let before = try world.delivered()
        #expect(before?["app.yaml"] == Array("listen: 3\n".utf8))
        commit("listen: 4\n", as: "mallory")
        expect(world.sync(), 5, "is not allowed to sign")
        world.write("host/keyring.gpg", "not a keyring")
        expect(world.sync(), 5)
        #expect(try world.delivered() == before)
    }
}
