import Encodings
import Files
import Git
import SSH
import Support
import Testing

@testable import Delivery

@Suite struct SignatureTests {
    let world: World

    init() throws { world = try World() }

    /// Stores the head commit with another text, points main at it, and gives its id.
    @discardableResult
    private func rewriteHead(_ change: (String) -> String) -> String {
        let raw = world.repository.run("cat-file", "commit", "HEAD").stdout
        let id = world.repository.object("commit", Array(change(String(decoding: raw, as: UTF8.self)).utf8))
        world.repository.git("update-ref", "refs/heads/main", id)
        return id
    }

    @Test func `a signed commit is delivered, and its signer is known`() throws {
        let commit = world.repository.commit("first")
        let state = SyncState(directory: .init(world.scratch.file("state")))
        _ = try state.lock(environment: "prod")
        let source = try world.source()
        let pulled = try PulledCommit.pull(source, into: state.mirror(of: source.location))
        let verified = try VerifiedCommit.verify(pulled, world.policy(), at: time(1_700_001_000))
        #expect(verified.pulled.id.hex == commit)
        #expect(verified.signer != nil)
        #expect(world.repository.run("verify-commit", "HEAD", adding: [:]).status != 127)
    }

    @Test func `F049 an unsigned commit and a foreign key are refused`() async throws {
        world.sign(as: nil)
        world.repository.commit("unsigned")
        #expect(try await ending(world.reconciliation()) == .unsigned)
        world.sign(as: "mallory")
        world.repository.commit("foreign")
        #expect(try await ending(world.reconciliation()) == .signerNotAllowed)
        #expect(!world.hasTarget)
        #expect(try await ending(world.reconciliation(policy: SignaturePolicy.none)) == nil)
        #expect(world.hasTarget)
    }

    @Test(arguments: [
        "valid-before=\"20200101Z\" ", "valid-after=\"20300101Z\" ", "namespaces=\"file\" ",
        "namespaces=\"file,git2\" ",
    ])
    func `F050 a key that is not allowed now or for commits is refused`(options: String) async throws {
        world.repository.commit("first")
        let policy = try world.policy(options: options)
        #expect(try await ending(world.reconciliation(policy: policy)) == .signerNotAllowed)
    }

    @Test(arguments: [
        "valid-before=\"20300101Z\" ", "valid-after=\"20200101Z\" ", "namespaces=\"file,git\" ",
    ])
    func `F050 a key that is allowed now and for commits is taken`(options: String) async throws {
        world.repository.commit("first")
        #expect(try await ending(world.reconciliation(policy: world.policy(options: options))) == nil)
    }

    @Test(arguments: [
        "", "# nobody\n", "alice\n", "alice ssh-ed25519 AAAA\n", "alice cert-authority ssh-ed25519 AAAA\n",
    ])
    func `F050 a signers file that is empty or malformed allows nobody`(text: String) {
        #expect(
            code { () throws(DeliveryError) in
                try SignaturePolicy.allowedSigners(parsing: Array(text.utf8), range: false)
            } == .signersUnusable)
        #expect(DeliveryError(.signersUnusable, "").category == .refused)
    }

    @Test func `F051 two signature headers are refused`() async throws {
        world.repository.commit("first")
        rewriteHead { text in
            guard let start = text.firstRange(of: "gpgsig "), let end = text.firstRange(of: "\n\n") else {
                return text
            }
            let header = text[start.lowerBound..<end.lowerBound]
            return text.replacing("\n\n", with: "\n\(header)\n\n", maxReplacements: 1)
        }
        #expect(try await ending(world.reconciliation()) == .badSignature)
    }

    @Test func `F052 a signature in the message signs nothing`() async throws {
        world.repository.commit("first")
        rewriteHead { text in
            guard let start = text.firstRange(of: "gpgsig "), let end = text.firstRange(of: "\n\n") else {
                return text
            }
            let header = text[start.lowerBound..<end.lowerBound]
            return text.replacing("\(header)\n", with: "") + header + "\n"
        }
        #expect(try await ending(world.reconciliation()) == .unsigned)
    }

    @Test(arguments: ["gpgsig-sha256", "two trees", "two authors", "parent after author", "after signature"])
    func `F053 headers out of order, doubled or of another format are refused`(kind: String) async throws {
        world.repository.commit("first")
        rewriteHead { text in
            let tree = String(text.prefix { $0 != "\n" })
            switch kind {
            case "gpgsig-sha256": return text.replacing("gpgsig ", with: "gpgsig-sha256 ")
            case "two trees": return "\(tree)\n\(text)"
            case "two authors":
                return text.replacing("author ", with: "author x <y> 1 +0000\nauthor ", maxReplacements: 1)
            case "parent after author":
                return text.replacing(
                    "committer ", with: "parent \(tree.dropFirst(5))\ncommitter ", maxReplacements: 1)
            default: return text.replacing("\n\n", with: "\nencoding UTF-8\n\n", maxReplacements: 1)
            }
        }
        let refused = try await ending(world.reconciliation())
        #expect(refused == .badSignature || refused == .malformedSource)
        #expect(!world.hasTarget)
    }

    @Test func `a signed commit whose message or tree was changed is refused`() async throws {
        world.repository.commit("first")
        rewriteHead { $0 + "more\n" }
        #expect(try await ending(world.reconciliation()) == .badSignature)
    }

    @Test func `F054 a signature for another namespace is refused`() async throws {
        world.repository.commit("first")
        let raw = world.repository.run("cat-file", "commit", "HEAD").stdout
        let commit = try CommitObject(raw: raw)
        let signed = ShellCommand.run(
            "ssh-keygen", ["-Y", "sign", "-n", "file", "-f", world.scratch.file("alice")],
            stdin: commit.signedPayload)
        #expect(signed.status == 0)
        let folded = signed.text.split(separator: "\n").joined(separator: "\n ")
        let payload = String(decoding: commit.signedPayload, as: UTF8.self)
        rewriteHead { _ in
            payload.replacing("\n\n", with: "\ngpgsig \(folded)\n\n", maxReplacements: 1)
        }
        #expect(try await ending(world.reconciliation()) == .badSignature)
    }

    @Test func `F055 a commit in the range that is unsigned or foreign is refused in range mode alone`()
        async throws
    {
        let first = world.repository.commit("first")
        for name in [nil, "mallory"] {
            world.sign(as: name)
            world.repository.commit("slipped in")
            world.sign(as: "alice")
            world.repository.commit("on top")
            let inRange = try world.reconciliation(policy: world.policy(range: true), last: first)
            #expect(try await ending(inRange) == (name == nil ? .unsigned : .signerNotAllowed))
            #expect(try await ending(world.reconciliation(last: first)) == nil)
            world.repository.git("reset", "-q", "--hard", first)
        }
    }

    @Test func `F055 a foreign commit that a signed merge brings in is refused in range mode`() async throws {
        let first = world.repository.commit("first")
        world.repository.git("checkout", "-q", "-b", "side")
        world.sign(as: "mallory")
        world.repository.write("deploy/prod/extra.txt", "extra")
        world.repository.commit("side")
        world.repository.git("checkout", "-q", "main")
        world.sign(as: "alice")
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.repository.commit("second")
        world.repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
        let policy = try world.policy(range: true)
        #expect(try await ending(world.reconciliation(policy: policy, last: first)) == .signerNotAllowed)
        #expect(try await ending(world.reconciliation(last: first)) == nil)
    }

    @Test func `a range counts every commit once and ends at what was trusted`() throws {
        world.sign(as: nil)
        world.repository.commit("before there were signatures")
        world.sign(as: "alice")
        let first = world.repository.commit("first")
        for number in 0..<4 { world.repository.commit("commit \(number)") }
        let state = SyncState(directory: .init(world.scratch.file("state")))
        _ = try state.lock(environment: "prod")
        let source = try world.source()
        let mirror = state.mirror(of: source.location)
        let pulled = try PulledCommit.pull(
            source, into: mirror, mark: HighWaterMark(commit: ObjectID(hex: first)))
        let policy = try world.policy(range: true)
        #expect(try VerifiedCommit.verify(pulled, policy, at: time(1_700_001_000)).verifiedCount == 4)
        let fresh = try PulledCommit.pull(source, into: mirror)
        #expect(try VerifiedCommit.verify(fresh, policy, at: time(1_700_001_000)).verifiedCount == 1)
    }
}
