import Support
import Testing

@testable import Git

@Suite struct CommitObjectTests {
    private static let tree = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    private static let parent = "parent 1111111111111111111111111111111111111111\n"
    private static let author = "author Ada <ada@example.org> 1700000000 +0100\n"
    private static let committer = "committer Grace H <grace@example.org> 1700000100 -0230\n"
    private static let signature =
        "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lH\n -----END SSH SIGNATURE-----\n"
    private static let foreign =
        "gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n U1NI\n -----END SSH SIGNATURE-----\n"
    private static let mergeTag =
        "mergetag object 1111111111111111111111111111111111111111\n type commit\n \n text\n"
    private static let plain = tree + parent + author + committer

    private func parse(_ text: String) throws(GitError) -> CommitObject {
        try CommitObject(raw: Array(text.utf8))
    }

    private func refusal(_ text: String) -> GitError.Code? {
        code { () throws(GitError) in _ = try parse(text) }
    }

    @Test func `an unsigned commit gives its parts`() throws {
        let text = Self.plain + "\nsubject\n\nbody\n"
        let commit = try parse(text)
        #expect(commit.tree.hex == "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
        #expect(commit.parents.map(\.hex) == [String(repeating: "1", count: 40)])
        #expect(commit.author.name == Array("Ada".utf8))
        #expect(commit.author.email == Array("ada@example.org".utf8))
        #expect(commit.author.seconds == 1_700_000_000)
        #expect(commit.author.offsetMinutes == 60)
        #expect(commit.committer.name == Array("Grace H".utf8))
        #expect(commit.committer.offsetMinutes == -150)
        #expect(commit.encoding == nil)
        #expect(commit.message == Array("subject\n\nbody\n".utf8))
        #expect(commit.signature == nil)
        #expect(commit.signedPayload == Array(text.utf8))
    }

    @Test func `a signed commit gives its armor and the rest as payload`() throws {
        let commit = try parse(
            Self.plain + "encoding ISO-8859-1\n" + Self.mergeTag + Self.signature + "\nsubject\n")
        #expect(
            commit.signature
                == Array("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n".utf8))
        #expect(
            commit.signedPayload
                == Array((Self.plain + "encoding ISO-8859-1\n" + Self.mergeTag + "\nsubject\n").utf8))
        #expect(commit.encoding == Array("ISO-8859-1".utf8))
        #expect(
            commit.mergeTags
                == [Array("object 1111111111111111111111111111111111111111\ntype commit\n\ntext\n".utf8)])
    }

    @Test func `F051 two signature headers are refused`() {
        #expect(refusal(Self.plain + Self.signature + Self.signature + "\ns\n") == .twoSignatures)
    }

    @Test func `a header of very many lines is read in time`() throws {
        let lines = String(repeating: " x\n", count: 200_000)
        let commit = try parse(Self.plain + "gpgsig x\n" + lines + "\ns\n")
        #expect(commit.signature?.count == 2 * 200_001)
    }

    @Test func `F052 a signature block in the message makes nothing signed`() throws {
        let commit = try parse(Self.plain + "\nsubject\n\n" + Self.signature)
        #expect(commit.signature == nil)
        #expect(try parse(Self.plain + "\n" + Self.signature + "\ns\n").signature == nil)
    }

    @Test func `F053 a signature header of another object format is refused`() {
        #expect(refusal(Self.plain + Self.foreign + "\ns\n") == .foreignSignature)
        #expect(refusal(Self.plain + Self.signature + Self.foreign + "\ns\n") == .foreignSignature)
        #expect(refusal(Self.plain + Self.foreign + Self.signature + "\ns\n") == .foreignSignature)
    }

    @Test func `F053 duplicate headers are refused`() {
        #expect(refusal(Self.tree + Self.plain + "\ns\n") == .duplicateHeader)
        #expect(refusal(Self.tree + Self.author + Self.author + Self.committer + "\ns\n") == .duplicateHeader)
        #expect(refusal(Self.plain + Self.committer + "\ns\n") == .duplicateHeader)
        #expect(refusal(Self.plain + "encoding a\nencoding b\n\ns\n") == .duplicateHeader)
        #expect(refusal(Self.plain + Self.signature + Self.tree + "\ns\n") == .duplicateHeader)
    }

    @Test func `F053 headers out of order are refused`() {
        #expect(refusal(Self.parent + Self.tree + Self.author + Self.committer + "\ns\n") == .headerOrder)
        #expect(refusal(Self.tree + Self.committer + Self.author + "\ns\n") == .headerOrder)
        #expect(refusal(Self.signature + Self.plain + "\ns\n") == .headerOrder)
        #expect(refusal(Self.plain + Self.mergeTag + "encoding a\n\ns\n") == .headerOrder)
        #expect(refusal(Self.tree + "x-other 1\n" + Self.author + Self.committer + "\ns\n") == .headerOrder)
    }

    @Test func `F053 a parent after the author or the signature is refused`() {
        #expect(refusal(Self.tree + Self.author + Self.parent + Self.committer + "\ns\n") == .misplacedParent)
        #expect(refusal(Self.plain + Self.parent + "\ns\n") == .misplacedParent)
        #expect(refusal(Self.plain + Self.signature + Self.parent + "\ns\n") == .misplacedParent)
    }

    @Test func `a header after the signature is refused`() {
        #expect(refusal(Self.plain + Self.signature + "x-other 1\n\ns\n") == .headerAfterSignature)
        #expect(refusal(Self.plain + Self.signature + Self.mergeTag + "\ns\n") == .headerAfterSignature)
    }

    @Test func `a header that Git does not know may stand before the signature`() throws {
        let commit = try parse(Self.plain + "change-id zyx\n" + Self.signature + "\ns\n")
        #expect(commit.signature != nil)
        #expect(commit.signedPayload == Array((Self.plain + "change-id zyx\n\ns\n").utf8))
    }

    @Test(arguments: [
        "", "\n", "\nmessage", tree + author + "\ns\n", author + committer, " continued\n" + plain + "\ns",
        tree + author + committer, plain + "x\n\ns\n", plain + " folded\n\ns\n",
        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee490\n" + author + committer + "\ns\n",
        "tree 4B825DC642CB6EB9A060E54BF8D69288FBEE4904\n" + author + committer + "\ns\n",
        tree + "author Ada ada@example.org 1 +0000\n" + committer + "\ns\n",
        tree + "author Ada <a@b> 1\n" + committer + "\ns\n",
        tree + "author Ada <a@b> -1 +0000\n" + committer + "\ns\n",
        tree + "author Ada <a@b> 01 +0000\n" + committer + "\ns\n",
        tree + "author Ada <a@b> 1 0000\n" + committer + "\ns\n",
        tree + "author Ada <a@b> 9999999999999999999 +0000\n" + committer + "\ns\n",
        tree + "author Ada <a<b> 1 +0000\n" + committer + "\ns\n",
        tree + "author Ada <a@b> > 1 +0000\n" + committer + "\ns\n",
        tree + "author A\u{0}da <a@b> 1 +0000\n" + committer + "\ns\n",
    ])
    func `a commit that is not laid out as commits are is refused`(_ text: String) {
        #expect([.malformedCommit, .headerOrder].contains(refusal(text)))
    }

    @Test func `a commit cut off within its headers is refused at each length`() {
        let whole = Array((Self.plain + Self.signature + "\nsubject\n").utf8)
        let headers = Self.plain.utf8.count + Self.signature.utf8.count
        for length in 0...headers {
            let result = code { () throws(GitError) in _ = try CommitObject(raw: Array(whole[..<length])) }
            #expect(result != nil, "cut to \(length)")
        }
    }

    @Test func `no flipped bit crashes or changes what was signed in silence`() {
        let whole = Array((Self.plain + Self.signature + "\nsubject\n").utf8)
        let payload = Array((Self.plain + "\nsubject\n").utf8)
        for index in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[index] ^= 1 << UInt8(bit)
                guard let commit = try? CommitObject(raw: bytes) else { continue }
                let sameSignature = commit.signature.map { $0.elementsEqual(signatureText) } ?? false
                #expect(commit.signedPayload != payload || !sameSignature)
            }
        }
    }

    private var signatureText: [UInt8] {
        Array("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n".utf8)
    }

    @Test func `a commit signed by git itself has a payload that ssh-keygen verifies`() throws {
        let scratch = TemporaryDirectory()
        let repository = ScratchRepository(creating: scratch.file("r"))
        let key = scratch.file("key")
        #expect(
            ShellCommand.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "t", "-f", key]).status
                == 0)
        repository.git("config", "gpg.format", "ssh")
        repository.git("config", "user.signingkey", key)
        repository.write("a", "1")
        repository.git("add", "a")
        repository.git("commit", "-q", "-S", "-m", "signed")
        let raw = repository.run("cat-file", "commit", "HEAD").stdout
        let commit = try CommitObject(raw: raw)
        let armor = try #require(commit.signature)
        ScratchRepository(at: scratch.path).write("sig", armor)
        let publicKey = ShellCommand.run("cat", [key + ".pub"]).text
        ScratchRepository(at: scratch.path).write("signers", "me \(publicKey)\n")
        let verified = ShellCommand.run(
            "ssh-keygen",
            [
                "-Y", "verify", "-f", scratch.file("signers"), "-I", "me", "-n", "git", "-s",
                scratch.file("sig"),
            ],
            stdin: commit.signedPayload)
        #expect(verified.status == 0, "\(verified.errorText)")
    }
}
