import Encodings
import Files
import SSH
import Sodium
import Support
import Testing

@testable import Keyrings

/// An SSH identity that nobody uses: the seed is 32 times `byte`.
func sshIdentity(_ byte: UInt8) throws -> SSHEd25519Identity {
    try SSHEd25519Identity(seed: SecretBytes([UInt8](repeating: byte, count: 32)))
}

@Suite struct SSHRecipientTests {
    @Test(.enabled(if: Vectors.areExpected("age-ssh"), Comment(rawValue: Vectors.absence)))
    func `the files of another implementation open with whom they are for`() throws {
        func identity(_ name: String) throws -> SSHEd25519Identity {
            let file = try #require(Vectors.bytes("age-ssh/\(name)"))
            let identity = try SSHEd25519Identity(openSSH: SecretBytes(file))
            let line = try #require(Vectors.bytes("age-ssh/\(name).pub"))
            #expect(identity.recipient.key == (try SSHPublicKey(text: line)))
            return identity
        }
        let (user, system) = (try identity("user1"), try identity("system1"))
        let cases: [(name: String, text: String?, isForSystem: Bool)] = [
            ("secret1.age", "hello\n", true), ("secret2.age", "world!\n", false),
            ("armored-secret.age", "Hello World!\n", false),
            ("-leading-hyphen-filename.age", "filename started with hyphen\n", true),
            ("passwordfile-user1.age", nil, true),
        ]
        for (name, text, isForSystem) in cases {
            let file = try #require(Vectors.bytes("age-ssh/\(name)"))
            let opened = try Age.decrypt(file, with: [user]).array
            if let text {
                #expect(String(decoding: opened, as: UTF8.self) == text)
            } else {
                #expect(
                    Hex.encode(SHA256.hash(opened))
                        == "d16974ba3a7e1720c73b4503ed9363166de85272b511ced73705249c70b86432")
            }
            let code = ageCode { _ = try Age.decrypt(file, with: [system]) }
            #expect(code == (isForSystem ? nil : .noMatch))
        }
    }

    @Test func `what is encrypted to an SSH key opens with it and with no other`() throws {
        let own = try sshIdentity(1)
        let file = try Age.encrypt(
            SecretBytes("attack at dawn"), to: [identity(9).recipient, own.recipient])
        #expect(try Age.decrypt(file, with: [own]).array == Array("attack at dawn".utf8))
        #expect(ageCode { _ = try Age.decrypt(file, with: [try sshIdentity(2)]) } == .noMatch)
        #expect(ageCode { _ = try Age.decrypt(file, with: [identity(1)]) } == .noMatch)
    }

    @Test func `recipients are read with or without a comment and written without`() throws {
        let recipient = try sshIdentity(1).recipient
        for text in [recipient.text, recipient.text + " ada@example.org", recipient.text + "\n"] {
            #expect(try SSHEd25519Recipient(text: text) == recipient)
        }
        #expect(recipient.text.hasPrefix("ssh-ed25519 AAAA"))
        #expect(recipient.tag == Base64.unpadded.encode(Array(SHA256.hash(recipient.wire).prefix(4))))
    }

    @Test func `F004: malformed SSH recipients, other types and points of low order are refused`() throws {
        let good = try sshIdentity(1).recipient.text
        let zero = SSHPublicKey(ed25519: [1] + [UInt8](repeating: 0, count: 31)).text
        let texts = [
            "", "ssh-ed25519", "ssh-ed25519 AAAA", String(good.dropLast()), " " + good, zero,
            SSHPublicKey(ed25519: [UInt8](repeating: 0, count: 32)).text,
        ]
        for text in texts {
            #expect(ageCode { _ = try SSHEd25519Recipient(text: text) } == .recipient, "\(text)")
        }
    }

    @Test func `F027 a stanza of another form is a fault of the header, one for others none`() throws {
        let own = try sshIdentity(1)
        let fileKey = FileKey()
        let stanza = try own.recipient.wrap(fileKey)[0]
        func code(_ arguments: [String], _ body: [UInt8]? = nil) -> AgeError.Code? {
            ageCode {
                _ = try own.unwrap([
                    Stanza(type: "ssh-ed25519", arguments: arguments, body: body ?? stanza.body)
                ])
            }
        }
        let (tag, share) = (stanza.arguments[0], stanza.arguments[1])
        #expect(code([tag, share]) == nil)
        for arguments in [
            [], [tag], [tag, share, share], [tag + "A", share], [tag, String(share.dropLast())],
            [tag, share + "="], [String(tag.dropLast()), share],
        ] { #expect(code(arguments) == .header, "\(arguments)") }
        #expect(code([tag, share], Array(stanza.body.dropLast())) == .header)
        #expect(code([tag, share], stanza.body + [0]) == .header)
        #expect(code([tag, Base64.unpadded.encode([UInt8](repeating: 0, count: 32))]) == .header)
        // Another tag, a changed body: not for this key.
        let other = try sshIdentity(2).recipient
        let strangers = [
            Stanza(type: "ssh-ed25519", arguments: [other.tag, share], body: stanza.body),
            Stanza(type: "ssh-ed25519", arguments: [tag, share], body: stanza.body.map { $0 ^ 1 }),
            Stanza(type: "SSH-ed25519", arguments: [tag, share], body: stanza.body),
        ]
        let isOpened = try own.unwrap(strangers) != nil
        #expect(!isOpened)
        var isSame = false
        if let found = try own.unwrap(strangers + [stanza]) { isSame = found.isEqual(to: fileKey) }
        #expect(isSame)
    }

    @Test func `no flipped bit of a stanza opens to the file key`() throws {
        let own = try sshIdentity(1)
        let fileKey = FileKey()
        let stanza = try own.recipient.wrap(fileKey)[0]
        let share = try Base64.unpadded.decode(stanza.arguments[1])
        for bit in 0..<(8 * (share.count + stanza.body.count)) {
            var bytes = share + stanza.body
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            // The highest bit of a share is no part of the point, yet of the salt.
            let changed = Stanza(
                type: stanza.type,
                arguments: [stanza.arguments[0], Base64.unpadded.encode(Array(bytes[..<32]))],
                body: Array(bytes[32...]))
            let opened = (try? own.unwrap([changed])) ?? nil
            let isNothing = opened == nil
            #expect(isNothing, "\(bit)")
        }
    }

    @Test func `ephemerals that derive from the file key make the same stanza again`() throws {
        let fileKey = FileKey()
        let (one, two) = (try sshIdentity(1).recipient, try sshIdentity(2).recipient)
        let stanza = try one.wrap(fileKey, ephemeralInfo: "info")
        #expect(try one.wrap(fileKey, ephemeralInfo: "info") == stanza)
        #expect(try one.wrap(fileKey, ephemeralInfo: "other") != stanza)
        #expect(try two.wrap(fileKey, ephemeralInfo: "info").arguments[1] != stanza.arguments[1])
        #expect(try one.wrap(fileKey) != [stanza])
    }
}

/// SSH keys that ssh-keygen made, and the `age` program on the other side.
@Suite(
    .enabled(
        if: Vectors.isCI || ShellCommand.run("age", ["--version"]).status == 0,
        "the age program is not installed"))
struct StockAgeSSHTests {
    private let directory = TemporaryDirectory()

    private func key(_ name: String, type: String = "ed25519", passphrase: String = "") -> String {
        let path = directory.file(name)
        let made = ShellCommand.run(
            "ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "a comment", "-f", path])
        precondition(made.status == 0, made.errorText)
        return path
    }

    private func content(_ path: String) -> SecretBytes {
        SecretBytes(ShellCommand.run("cat", [path]).stdout)
    }

    @Test func `age opens what we encrypt to an SSH key, and we what age encrypts`() throws {
        let (path, other) = (key("id"), key("other"))
        let own = try SSHEd25519Identity(openSSH: content(path))
        let stranger = try SSHEd25519Identity(openSSH: content(other))
        let plaintext = [UInt8](repeating: 0x5A, count: 70_000)
        for armored in [false, true] {
            let ours = try Age.encrypt(
                SecretBytes(plaintext), to: [stranger.recipient, own.recipient], armored: armored)
            let opened = ShellCommand.run("age", ["-d", "-i", path], stdin: ours)
            #expect(opened.status == 0, "\(opened.errorText)")
            #expect(opened.stdout == plaintext)
        }
        let theirs = ShellCommand.run("age", ["-R", other + ".pub", "-R", path + ".pub"], stdin: plaintext)
        #expect(theirs.status == 0, "\(theirs.errorText)")
        #expect(try Age.decrypt(theirs.stdout, with: [own]).array == plaintext)
    }

    @Test func `key files of SSH and of age are told apart`() throws {
        let path = key("id")
        let ssh = try MemberIdentity.parse(content(path))
        let line = ShellCommand.run("cat", [path + ".pub"]).text
        #expect(ssh.map(\.recipient) == [try MemberRecipient(text: line)])
        let age = try MemberIdentity.parse(
            SecretBytes(identity(1).encoded().array + [0x0A] + identity(2).encoded().array))
        #expect(age.map(\.recipient) == [.x25519(identity(1).recipient), .x25519(identity(2).recipient)])
        #expect(SigningKey(of: ssh[0]).publicKey == (try SSHPublicKey(text: line)))
        #expect(SigningKey(of: age[0]).publicKey == SigningKey(derivedFrom: identity(1)).publicKey)
        for other in [
            key("rsa", type: "rsa"), key("ecdsa", type: "ecdsa"), key("locked", passphrase: "secret"),
        ] {
            #expect(ageCode { _ = try MemberIdentity.parse(content(other)) } == .identity)
        }
    }
}
