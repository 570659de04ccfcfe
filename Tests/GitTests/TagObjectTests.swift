import Support
import Testing

@testable import Git

@Suite struct TagObjectTests {
    private static let headers =
        "object 1111111111111111111111111111111111111111\ntype commit\ntag v1\n"
        + "tagger Ada <a@b> 1 +0000\n"
    private static let armor = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"

    private func parse(_ text: String) throws(GitError) -> TagObject { try TagObject(raw: Array(text.utf8)) }

    private func refusal(_ text: String) -> GitError.Code? {
        code { () throws(GitError) in _ = try parse(text) }
    }

    @Test func `a tag gives its target`() throws {
        let raw = "object 1111111111111111111111111111111111111111\ntype commit\ntag v1\n"
        let tag = try parse(Self.headers + "\nmessage\n")
        #expect(tag.target == String(repeating: "1", count: 40).id)
        #expect(tag.type == .commit)
        #expect(tag.name == Array("v1".utf8))
        #expect(tag.tagger?.email == Array("a@b".utf8))
        #expect(tag.message == Array("message\n".utf8))
        #expect(tag.signature == nil)
        #expect(tag.signedPayload == Array((Self.headers + "\nmessage\n").utf8))
        #expect(try parse(raw + "\nm").tagger == nil)
        for broken in [
            raw, raw + "parent x\n\nm", raw + "type commit\n\n", "type commit\n" + raw + "\n", "\n",
            raw.replacing("tag v1", with: "tag ") + "\n", raw.replacing("commit", with: "note") + "\n",
            Self.headers + " continued\n\nm", Self.headers + "gpgsig x\n\nm",
            Self.headers + "tagger A <b> 1 +0000\n\nm",
            Self.headers.replacing("tagger Ada", with: "tagger A\u{0}da") + "\n",
        ] {
            #expect(refusal(broken) == .malformedTag)
        }
    }

    @Test(arguments: [
        "message\n", "", "two\n\nparts\n", "not a ----- line\n -----BEGIN SSH SIGNATURE-----\n",
    ])
    func `a signature at the end of a tag is split from what it signs`(message: String) throws {
        let tag = try parse(Self.headers + "\n" + message + Self.armor)
        #expect(tag.signature == Array(Self.armor.utf8))
        #expect(tag.signedPayload == Array((Self.headers + "\n" + message).utf8))
        #expect(tag.message == Array((message + Self.armor).utf8))
    }

    @Test func `what follows a tag's signature belongs to it, so that no signature with a tail is taken`()
        throws
    {
        let tag = try parse(Self.headers + "\nm\n" + Self.armor + "tail\n")
        #expect(tag.signature == Array((Self.armor + "tail\n").utf8))
    }

    @Test(arguments: [
        armor, "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN PGP MESSAGE-----\n",
        "-----BEGIN SIGNED MESSAGE-----\n", "-----BEGIN SSH SIGNATURE-----",
    ])
    func `F051 a tag with two signatures is refused`(second: String) {
        #expect(refusal(Self.headers + "\nm\n" + Self.armor + second) == .twoSignatures)
        #expect(refusal(Self.headers + "\nm\n" + second + "\n" + Self.armor) == .twoSignatures)
    }

    @Test func `a tag cut off within its headers is refused at each length`() {
        let whole = Array((Self.headers + "\nm\n").utf8)
        for length in 0...Self.headers.utf8.count {
            #expect(code { () throws(GitError) in _ = try TagObject(raw: Array(whole[..<length])) } != nil)
        }
    }

    @Test func `a tag signed by git itself has a payload that ssh-keygen verifies`() throws {
        let scratch = TemporaryDirectory()
        let repository = ScratchRepository(creating: scratch.file("r"))
        let key = scratch.file("key")
        let made = ShellCommand.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "t", "-f", key])
        #expect(made.status == 0)
        repository.git("config", "gpg.format", "ssh")
        repository.git("config", "user.signingkey", key)
        repository.commit("first")
        repository.git("tag", "-s", "-m", "signed", "v1")
        let tag = try TagObject(raw: repository.run("cat-file", "tag", "v1").stdout)
        #expect(tag.target.hex == repository.git("rev-parse", "HEAD"))
        let armor = try #require(tag.signature)
        ScratchRepository(at: scratch.path).write("sig", armor)
        ScratchRepository(at: scratch.path).write(
            "signers", "me \(ShellCommand.run("cat", [key + ".pub"]).text)\n")
        let verified = ShellCommand.run(
            "ssh-keygen",
            [
                "-Y", "verify", "-f", scratch.file("signers"), "-I", "me", "-n", "git", "-s",
                scratch.file("sig"),
            ],
            stdin: tag.signedPayload)
        #expect(verified.status == 0, "\(verified.errorText)")
    }
}
