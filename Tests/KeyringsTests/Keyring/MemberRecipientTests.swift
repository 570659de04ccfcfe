import SSH
import Sodium
import Support
import Testing
import Trust

@testable import Keyrings

@Suite struct MemberRecipientTests {
    private let environmentText = "environment ops-3 " + identity(7).recipient.text

    @Test func `each kind has one text, which is read and written`() throws {
        let ssh = try sshIdentity(1).recipient
        let key = EnvironmentPublicKey(environment: "ops", epoch: 3, recipient: identity(7).recipient)
        let cases: [(MemberRecipient, String, String)] = [
            (.x25519(identity(1).recipient), identity(1).recipient.text, "age"),
            (.sshEd25519(ssh), ssh.text, "ssh"), (.environment(key), environmentText, "environment"),
        ]
        for (recipient, text, kind) in cases {
            #expect(recipient.text == text)
            #expect(recipient.kind == kind)
            #expect(try MemberRecipient(text: text) == recipient)
        }
        #expect(try MemberRecipient(text: ssh.text + " a comment").text == ssh.text)
    }

    @Test func `F004: an environment's key in any other form is refused`() {
        let age = identity(7).recipient.text
        for text in [
            "environment", "environment ", "environment ops-3", "environment ops \(age)",
            "environment ops-0 \(age)", "environment ops-03 \(age)", "environment ops-+3 \(age)",
            "environment -3 \(age)", "environment Ops-3 \(age)", "environment ops-3  \(age)",
            "environment ops-3 \(age) ", "environment ops-4294967296 \(age)",
            "environment ops-3 ssh-ed25519", "Environment ops-3 \(age)", "environment  ops-3 \(age)",
        ] {
            #expect(ageCode { _ = try MemberRecipient(text: text) } == .recipient, "\(text)")
        }
    }

    @Test func `the body of FORMAT md with members of each kind decodes and encodes to the same bytes`()
        throws
    {
        let bytes = try Vector.mixedBody.bytes
        let body = try KeyringBody(bytes: bytes)
        #expect(body.bytes == bytes)
        #expect(body.members.map(\.name) == ["ada", "bob", "ops"])
        #expect(body.members.map(\.recipient.kind) == ["age", "ssh", "environment"])
        #expect(body.members[1].recipient == .sshEd25519(try sshIdentity(0x01).recipient))
        #expect(body.members[2].recipient.text == "environment ops-3 " + identity(0x55).recipient.text)
        let keyring = try Keyring.create(
            environment: "prod", members: body.members, signingWith: admin(1)
        ).appending(body: body, signer: signer(1))
        let identities: [MemberIdentity] = [
            .x25519(identity(0x11)), .sshEd25519(try sshIdentity(0x01)), .x25519(identity(0x55)),
        ]
        for own in identities {
            let opened = try keyring.open(with: [own])
            #expect(opened[epoch: 1]?.recipient == identity(0x22).recipient)
        }
    }

    @Test func `a keyring of all kinds opens for each, reads back from its file, and with stock age`() throws
    {
        let directory = TemporaryDirectory()
        let path = directory.file("id")
        let made = ShellCommand.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path])
        try #require(made.status == 0)
        let ssh = try SSHEd25519Identity(openSSH: SecretBytes(ShellCommand.run("cat", [path]).stdout))
        let members = [
            try member("ada", 1), try Member(name: "bob", recipient: .sshEd25519(ssh.recipient)),
            try Member(name: "ops", recipient: environmentText),
        ]
        let keyring = try Keyring.create(environment: "prod", members: members, signingWith: admin(1))
        #expect(try Keyring(parsing: keyring.yaml, environment: "prod") == keyring)
        #expect(String(decoding: keyring.yaml, as: UTF8.self).contains("recipient: \"\(environmentText)\""))
        let identities: [MemberIdentity] = [.x25519(identity(1)), .sshEd25519(ssh), .x25519(identity(7))]
        for own in identities { #expect(try keyring.open(with: [own]).epochs == [1]) }
        #expect(
            keyringCode { _ = try keyring.open(with: [.sshEd25519(try sshIdentity(9))]) } == .notAMember)
        let opened = ShellCommand.run(
            "age", ["-d", "-i", path], stdin: keyring.body.epochs[0].wrappedIdentity)
        #expect(opened.status == 0, "\(opened.errorText)")
        #expect(opened.text.hasPrefix("AGE-SECRET-KEY-1"))
    }

    @Test func `a stanza of another kind or key than the list says is seen, with or without a key`() throws {
        let ssh = try sshIdentity(1).recipient
        let listed = [try member("ada", 1), try Member(name: "bob", recipient: .sshEd25519(ssh))]
        func code(_ readers: [Member]) throws -> KeyringError.Code? {
            let wrapped = try epoch(1, 21, .open, readers)
            return keyringCode {
                let body = try KeyringBody(members: listed, epochs: [wrapped])
                let header = try GenerationHeader(
                    first: .keyring, subject: "prod", admins: [admin(1).publicKey], body: body.bytes)
                _ = try Keyring(
                    environment: "prod",
                    generations: [SignedGeneration(signing: header, with: admin(1))], body: body
                ).open(with: [identity(1)])
            }
        }
        let other = try Member(name: "eve", recipient: .sshEd25519(try sshIdentity(2).recipient))
        #expect(try code(listed) == nil)
        #expect(try code([listed[1], listed[0]]) == .malformed)
        #expect(try code([listed[0], try member("eve", 2)]) == .malformed)
        // The tag tells one SSH key from another; what has the right tag and shape is found from inside.
        #expect(try code([listed[0], other]) == .malformed)
        let fileKey = FileKey()
        let stanzas = [
            try listed[0].recipient.wrap(fileKey, ephemeralInfo: "strongroom/keyring-ephemeral/v1"),
            try ssh.wrap(fileKey)[0],
        ]
        let text = SecretBytes(identity(21).encoded().array + [0x0A])
        let file = try text.withBytes { (bytes) throws(AgeError) in
            try Age.encrypt(bytes, with: AgeEncryptor(fileKey: fileKey, stanzas: stanzas))
        }
        let forged = KeyEpoch(
            number: 1, recipient: identity(21).recipient, state: .open, wrappedIdentity: file)
        let body = try KeyringBody(members: listed, epochs: [forged])
        let keyring = try Keyring.create(environment: "prod", members: listed, signingWith: admin(1))
            .appending(body: body, signer: signer(1))
        #expect(keyringCode { _ = try keyring.open(with: [identity(1)]) } == .forged)
    }

    @Test func `one key is one member, whatever it is called`() throws {
        let ssh = try sshIdentity(1).recipient
        for (first, second) in [
            (MemberRecipient.sshEd25519(ssh), MemberRecipient.sshEd25519(ssh)),
            (.x25519(identity(7).recipient), try MemberRecipient(text: environmentText)),
        ] {
            let members = [
                try Member(name: "one", recipient: first), try Member(name: "two", recipient: second),
            ]
            #expect(keyringCode { _ = try KeyringBody(newFor: members) } == .badMember)
        }
    }

    @Test func `an SSH recipient with a comment is not the signed form`() throws {
        let ssh = try sshIdentity(1).recipient
        let keyring = try Keyring.create(
            environment: "prod", members: [Member(name: "bob", recipient: .sshEd25519(ssh))],
            signingWith: admin(1))
        let text = String(decoding: keyring.yaml, as: UTF8.self)
        let changed = text.replacing(ssh.text + "\"", with: ssh.text + " bob\"", maxReplacements: 1)
        #expect(changed != text)
        #expect(
            keyringCode { _ = try Keyring(parsing: Array(changed.utf8), environment: "prod") } == .malformed)
    }
}
