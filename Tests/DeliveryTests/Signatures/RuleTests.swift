import Encodings
import Files
import Git
import Support
import Testing

@testable import Delivery

/// The rules beside the signature itself: names, extents, going back.
@Suite struct RuleTests {
    let world: World
    private let now = time(1_700_001_000)

    init() throws { world = try World() }

    private var mirror: Path {
        get throws {
            SyncState(directory: Path(world.scratch.file("state"))).mirror(of: try world.source().location)
        }
    }

    /// The pulled head, as a run would pull it.
    private func pull(last: String? = nil, allowing rollback: String? = nil) throws -> PulledCommit {
        let state = SyncState(directory: Path(world.scratch.file("state")))
        _ = try state.lock(environment: "prod")
        return try PulledCommit.pull(
            try world.source(), into: try mirror,
            mark: try last.map { HighWaterMark(commit: try ObjectID(hex: $0)) },
            allowedRollback: try rollback.map { try ObjectID(hex: $0) })
    }

    private func rules(
        principals: String = "alice@example.org", options: String = "",
        _ change: (inout SignatureRules) -> Void = { _ in }
    ) throws -> SignaturePolicy {
        let key = ShellCommand.run("/bin/cat", [world.scratch.file("alice.pub")]).text
        var rules = SignatureRules()
        try rules.allow(signers: Array("\(principals) \(options)\(key)\n".utf8))
        change(&rules)
        return .signed(rules)
    }

    /// The code that verifying ends with.
    private func ending(_ pulled: PulledCommit, _ policy: SignaturePolicy) -> DeliveryError.Code? {
        code { () throws(DeliveryError) in try VerifiedCommit.verify(pulled, policy, at: now) }
    }

    // MARK: - Names

    @Test(
        arguments: [
            ("alice@example.org", [], true), ("grace@example.org", [.committer], true),
            ("*@example.org", [.committer, .author], true),
            ("ada@example.org,grace@example.org", [.committer, .author], true),
            ("alice@example.org", [.committer], false), ("ada@example.org", [.committer], false),
            ("ada@example.org", [.author], true), ("grace@example.org", [.author], false),
            ("*@example.org,!grace@example.org", [.committer], false),
            ("GRACE@example.org", [.committer], false),
            ("ada@example.org", [.committer, .author], false),
        ] as [(String, Set<SignatureRules.Role>, Bool)])
    func `F049 a signer signs for the names that it may sign for`(
        principals: String, roles: Set<SignatureRules.Role>, isTaken: Bool
    ) throws {
        world.repository.commit("first")
        let policy = try rules(principals: principals) { $0.roles = roles }
        #expect(ending(try pull(), policy) == (isTaken ? nil : .signerNotAllowed))
    }

    @Test func `F049 a key of another environment's list is refused`() async throws {
        world.sign(as: "mallory")
        world.repository.commit("for another place")
        let other = ShellCommand.run("/bin/cat", [world.scratch.file("mallory.pub")]).text
        let elsewhere = try SignaturePolicy.allowedSigners(
            parsing: Array("m@example.org \(other)".utf8), range: false)
        #expect(try await codeOfRun(world.reconciliation(policy: elsewhere)) == nil)
        #expect(
            try await codeOfRun(world.reconciliation(source: world.source(path: "deploy")))
                == .signerNotAllowed)
    }

    @Test func `F050 a revoked key is refused, and a list that can't be read revokes everybody`() throws {
        world.repository.commit("first")
        let pulled = try pull()
        let alice = ShellCommand.run("/bin/cat", [world.scratch.file("alice.pub")]).stdout
        let mallory = ShellCommand.run("/bin/cat", [world.scratch.file("mallory.pub")]).stdout
        func revoking(_ text: [UInt8]) throws -> SignaturePolicy {
            guard case .signed(var rules) = try rules() else { preconditionFailure("no rules") }
            try rules.revoke(keys: text)
            return .signed(rules)
        }
        #expect(ending(pulled, try revoking(alice)) == .signerNotAllowed)
        #expect(ending(pulled, try revoking(mallory + alice)) == .signerNotAllowed)
        #expect(ending(pulled, try revoking(mallory)) == nil)
        #expect(ending(pulled, try revoking(Array("# nobody\n".utf8))) == nil)
        for text in ["alice\n", "ssh-ed25519 AAAA\n", "SSHKRL\n\u{0}", "ssh-dss AAAAB3NzaC1kc3MAAAAA\n"] {
            #expect(throws: DeliveryError.self) { try revoking(Array(text.utf8)) }
        }
    }

    @Test func `F050 a key has to be allowed both now and at the time that the commit claims`() throws {
        world.repository.commit("in November 2023")
        let pulled = try pull()
        // Of two lines one may cover then, the other now.
        let key = ShellCommand.run("/bin/cat", [world.scratch.file("alice.pub")]).text
        for (text, expected) in [
            ("a valid-before=\"20231114Z\" \(key)", DeliveryError.Code?.some(.signerNotAllowed)),
            ("a valid-after=\"20231115Z\" \(key)", .signerNotAllowed),
            ("a valid-after=\"20231114Z\",valid-before=\"20231116Z\" \(key)", nil),
            ("a valid-before=\"20231114221600Z\" \(key)\na valid-after=\"20231114222000Z\" \(key)", nil),
            (
                "a valid-before=\"20231114221400Z\" \(key)\na valid-after=\"20231114222000Z\" \(key)",
                .signerNotAllowed
            ),
        ] {
            let policy = try SignaturePolicy.allowedSigners(parsing: Array(text.utf8), range: false)
            #expect(ending(pulled, policy) == expected, "\(text)")
        }
    }

    @Test func `rules that name nobody take nothing`() throws {
        world.repository.commit("first")
        #expect(ending(try pull(), .signed(SignatureRules())) == .signerNotAllowed)
    }

    // MARK: - Ranges

    @Test func `F055 a range begins at the commit that the rules name where nothing was delivered yet`()
        throws
    {
        world.sign(as: nil)
        let base = world.repository.commit("before there were signatures")
        world.sign(as: "alice")
        world.repository.commit("first")
        func since(_ id: String) throws -> SignaturePolicy {
            let id = try ObjectID(hex: id)
            return try rules { $0.extent = .range(since: id) }
        }
        let verified = try VerifiedCommit.verify(try pull(), try since(base), at: now)
        #expect(verified.verifiedCount == 1)
        world.sign(as: "mallory")
        let foreign = world.repository.commit("slipped in")
        world.sign(as: "alice")
        world.repository.commit("on top")
        #expect(ending(try pull(), try since(base)) == .signerNotAllowed)
        // What was delivered is trusted.
        #expect(ending(try pull(last: foreign), try since(base)) == nil)
        #expect(ending(try pull(), try since(foreign)) == nil)
        #expect(ending(try pull(), try since(String(repeating: "1", count: 40))) == .nonFastForward)
        world.repository.git("checkout", "-q", "-b", "side", base)
        let side = world.repository.commit("aside")
        #expect(ending(try pull(), try since(side)) == .nonFastForward)
    }

    @Test func `F055 all parents of all merges are verified, however they are wound`() throws {
        let first = world.repository.commit("first")
        let policy = try world.policy(range: true)
        // Foreign commits as second and third parents, below a merge, and as another root.
        for (index, parents) in [["side"], ["main~1", "side"], ["side", "main"], ["orphan"], ["nested"]]
            .enumerated()
        {
            world.repository.git("checkout", "-q", "-B", "work", first)
            world.repository.commit("mine")
            world.repository.git("branch", "-f", "main", "HEAD")
            world.sign(as: "mallory")
            world.repository.git("checkout", "-q", "-B", "side", first)
            world.repository.commit("foreign \(index)")
            world.repository.git("checkout", "-q", "--orphan", "orphan-\(index)")
            world.repository.commit("foreign root")
            world.repository.git("branch", "-f", "orphan", "HEAD")
            world.sign(as: "alice")
            world.repository.git("checkout", "-q", "-B", "nested", first)
            let tree = world.repository.git("rev-parse", "HEAD^{tree}")
            let inner = world.repository.git(
                "commit-tree", "-S", "-m", "inner", "-p", first, "-p", "side", tree)
            world.repository.git("branch", "-f", "--no-track", "inner", inner)
            world.repository.git("reset", "-q", "--hard", inner)
            let list = ["-p", "main"] + parents.flatMap { ["-p", $0] }
            let merge = ScratchRepository.git(
                ["-C", world.repository.path, "commit-tree", "-S", "-m", "merge"] + list + [tree])
            try #require(merge.status == 0, "\(merge.errorText)")
            world.repository.git("checkout", "-q", "--detach")
            world.repository.git("update-ref", "refs/heads/main", merge.text)
            #expect(ending(try pull(last: first), policy) == .signerNotAllowed, "\(parents)")
            #expect(ending(try pull(last: first), try world.policy()) == nil, "\(parents)")
        }
    }

    @Test(arguments: ["parent", "author", "tree"])
    func `F053 a malformed commit in a range or at its head is refused`(kind: String) throws {
        let first = world.repository.commit("first")
        world.repository.commit("second")
        let commit = try CommitObject(raw: world.repository.run("cat-file", "commit", "HEAD").stdout)
        // Signed by alice as it stands.
        let head = String(decoding: commit.signedPayload, as: UTF8.self)
        let line = head.split(separator: "\n").first { $0.hasPrefix(kind) } ?? ""
        let payload = head.replacing("\ncommitter ", with: "\n\(line)\ncommitter ")
        let signed = ShellCommand.run(
            "ssh-keygen", ["-Y", "sign", "-n", "git", "-f", world.scratch.file("alice")],
            stdin: Array(payload.utf8))
        let folded = signed.text.split(separator: "\n").joined(separator: "\n ")
        let id = world.repository.object(
            "commit",
            Array(payload.replacing("\n\n", with: "\ngpgsig \(folded)\n\n", maxReplacements: 1).utf8))
        world.repository.git("update-ref", "refs/heads/main", id)
        func outcome(_ range: Bool, last: String?) throws -> DeliveryError.Code? {
            let policy = try world.policy(range: range)
            return code { () throws(DeliveryError) in
                do {
                    _ = try VerifiedCommit.verify(try pull(last: last), policy, at: now)
                } catch {
                    throw error as? DeliveryError ?? DeliveryError(.io, "\(error)")
                }
            }
        }
        #expect(try outcome(false, last: nil) == .badSignature)
        for last in [nil, first] {
            for isRange in [false, true] {
                let refusal = try #require(try outcome(isRange, last: last))
                #expect(DeliveryError(refusal, "").category == .refused)
            }
        }
        world.repository.git("checkout", "-q", "-f", "main")
        world.repository.commit("on top")
        let refusal = try #require(try outcome(true, last: first))
        #expect(DeliveryError(refusal, "").category == .refused)
    }

    @Test func `a range ends where trusted history begins, whatever the commits' clocks say`() throws {
        world.sign(as: nil)
        // Old history that is unsigned and claims to be newer than all that follows.
        for number in 0..<8 {
            world.repository.write("note", "\(number)")
            world.repository.git("add", "-A")
            world.repository.git(
                "commit", "-q", "-m", "old \(number)",
                adding: ["GIT_COMMITTER_DATE": "1800000\(100 - number) +0000"])
        }
        let base = world.repository.git("rev-parse", "HEAD")
        world.sign(as: "alice")
        for number in 0..<3 { world.repository.commit("new \(number)") }
        world.repository.git("checkout", "-q", "-b", "side", "\(base)~4")
        world.repository.commit("aside")
        world.repository.git("checkout", "-q", "main")
        world.repository.git("merge", "-q", "--no-ff", "-m", "merge", "-S", "side")
        let verified = try VerifiedCommit.verify(try pull(last: base), try world.policy(range: true), at: now)
        #expect(verified.verifiedCount == 5)
    }

    // MARK: - Going back

    @Test func `going back needs the operator's word for that very commit, and signatures as ever`() throws {
        let first = world.repository.commit("first")
        let second = world.repository.commit("second")
        // The mirror keeps what it has seen.
        _ = try pull()
        world.repository.git("reset", "-q", "--hard", first)
        let range = try world.policy(range: true)
        func refusal(_ body: () throws -> PulledCommit) -> DeliveryError.Code? {
            do {
                _ = try body()
                return nil
            } catch {
                return (error as? DeliveryError)?.code
            }
        }
        #expect(refusal { try pull(last: second) } == .nonFastForward)
        #expect(refusal { try pull(last: second, allowing: second) } == .nonFastForward)
        let back = try pull(last: second, allowing: first)
        #expect(back.isRollbackAllowed)
        #expect(try VerifiedCommit.verify(back, range, at: now).verifiedCount == 1)
        // A rewritten branch: what the old one did not have is verified.
        world.sign(as: "mallory")
        world.repository.commit("foreign")
        world.sign(as: "alice")
        let rewritten = world.repository.commit("on top")
        #expect(refusal { try pull(last: second) } == .nonFastForward)
        #expect(ending(try pull(last: second, allowing: rewritten), range) == .signerNotAllowed)
        #expect(ending(try pull(last: second, allowing: rewritten), try world.policy()) == nil)
        // Where the old branch is gone from the repository, the named commit is a new beginning.
        let gone = String(repeating: "1", count: 40)
        #expect(refusal { try pull(last: gone) } == .nonFastForward)
        #expect(ending(try pull(last: gone, allowing: rewritten), range) == nil)
    }

    // MARK: - Tags

    @Test func `a policy for tags needs a source that follows one`() throws {
        world.repository.commit("first")
        #expect(ending(try pull(), try rules { $0.extent = .tag }) == .unusableRequest)
    }

    @Test func `a tag is taken by its own name for the commit that it names`() throws {
        let head = world.repository.commit("first")
        world.repository.git("config", "tag.gpgsign", "true")
        world.repository.git("tag", "-m", "one", "v1")
        world.repository.git("tag", "-m", "two", "v2", "v1")
        let raw = world.repository.run("cat-file", "tag", "v1").stdout
        guard case .signed(let rules) = try rules() else { preconditionFailure("no rules") }
        let verifier = SignatureVerifier(rules: rules, now: now)
        let id = try ObjectID(hex: head)
        func ending(_ raw: [UInt8], _ name: String, _ target: ObjectID) -> DeliveryError.Code? {
            code { () throws(DeliveryError) in
                try verifier.verify(tag: anyID, raw, called: Array(name.utf8), naming: target)
            }
        }
        #expect(ending(raw, "v1", id) == nil)
        #expect(ending(raw, "v2", id) == .badSignature)
        #expect(ending(raw, "v1", anyID) == .badSignature)
        // A tag of a tag names no commit itself.
        #expect(ending(world.repository.run("cat-file", "tag", "v2").stdout, "v2", id) == .badSignature)
        #expect(ending(Array(raw.dropLast(400)), "v1", id) != nil)
    }
}

/// As `ending` of a reconciliation, which the suite's own hides.
private func codeOfRun(_ run: @autoclosure () throws -> Reconciliation) async throws -> DeliveryError.Code? {
    try await ending(run())
}
