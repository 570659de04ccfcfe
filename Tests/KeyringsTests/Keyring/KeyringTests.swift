import Encodings
import SSH
import Sodium
import Support
import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringTests {
    private let ada: Member
    private let bob: Member

    private init() throws {
        ada = try member("ada", 1)
        bob = try member("bob", 2)
    }

    private func keyring() throws -> Keyring {
        try Keyring.create(environment: "prod", members: [ada, bob], signingWith: admin(1))
    }

    @Test func `the vectors of FORMAT md make a keyring that its member opens`() throws {
        let header = try GenerationHeader(bytes: Vector.header.bytes, purpose: .keyring)
        let signature = try SSHSignature(blob: Vector.signature.bytes)
        #expect(SignedGeneration.signature(over: header, by: admin(1)) == signature)
        let keyring = try Keyring(
            environment: "prod",
            generations: [SignedGeneration(header: header, signatures: [signature])],
            body: KeyringBody(bytes: Vector.body.bytes))
        #expect(keyring.root.description == Vector.fingerprint.text)
        let opened = try keyring.open(with: [identity(0x11)])
        #expect(opened[epoch: 1]?.recipient == identity(0x22).recipient)
        #expect(SigningKey(derivedFrom: identity(0x11)).publicKey.text == Vector.derivedKey.text)
    }

    @Test func `a new keyring opens for each member and for nobody else`() throws {
        let keyring = try keyring()
        #expect(keyring.generation == 1)
        #expect(keyring.sealingKey.environment == "prod")
        #expect(keyring.sealingKey.epoch == 1)
        for byte in [1, 2] as [UInt8] {
            let opened = try keyring.open(with: [identity(9), identity(byte)])
            #expect(opened.epochs == [1])
            #expect(opened[epoch: 1]?.recipient.publicKey == keyring.sealingKey.key)
            #expect(opened[epoch: 2] == nil)
        }
        #expect(keyringCode { _ = try keyring.open(with: [identity(9)]) } == .notAMember)
        #expect(keyringCode { _ = try keyring.open(with: [MemberIdentity]()) } == .notAMember)
        #expect(keyring.publicKey(epoch: 1) == keyring.sealingKey)
        #expect(keyring.publicKey(epoch: 2) == nil)
    }

    @Test func `two keyrings never share a key`() throws {
        #expect(try keyring().sealingKey != keyring().sealingKey)
    }

    @Test func `stock age opens a wrapped identity, which is an identity file`() throws {
        let keyring = try keyring()
        let directory = TemporaryDirectory()
        let text = identity(2).encoded()
        ScratchRepository(at: directory.path).write("key", text.array)
        let outcome = ShellCommand.run(
            "age", ["-d", "-i", directory.file("key")], stdin: keyring.body.epochs[0].wrappedIdentity)
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let identities = try IdentityFile.parse(SecretBytes(outcome.stdout))
        #expect(identities.map(\.recipient.publicKey) == [keyring.sealingKey.key])
    }

    @Test func `F004: an empty list of members and a bad environment are refused`() {
        #expect(
            keyringCode { _ = try Keyring.create(environment: "prod", members: [], signingWith: admin(1)) }
                == .badMember)
        #expect(
            keyringCode { _ = try Keyring.create(environment: "Prod", members: [ada], signingWith: admin(1)) }
                == .badEnvironmentName)
    }

    @Test func `a new keyring needs the signatures that its own threshold demands`() throws {
        let admins = [admin(1).publicKey, admin(2).publicKey]
        func code(_ threshold: UInt64, _ signer: Keyring.Signer) -> KeyringError.Code? {
            keyringCode {
                _ = try Keyring.create(
                    environment: "prod", members: [ada], admins: admins, threshold: threshold, signer: signer)
            }
        }
        #expect(code(2, signer(1, 2)) == nil)
        #expect(code(2, signer(1)) == .untrusted)
        #expect(code(1, signer(3)) == .notAnAdmin)
        #expect(code(3, signer(1, 2)) == .unreachableThreshold)
        #expect(code(1, { _ in throw SSHError(.encryptedKey, "") }) == .signing)
    }

    @Test func `a generation is taken from an admin of the one before and from nobody else`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let body = try KeyringBody(
            rewrapping: keyring.body, opened: opened, for: [ada, bob, try member("eve", 3)])
        let next = try keyring.appending(body: body, admins: [admin(2).publicKey], signer: signer(1))
        #expect(next.generation == 2)
        #expect(next.root == keyring.root)
        #expect(next.sealingKey == keyring.sealingKey)
        #expect(try next.open(with: [identity(3)])[epoch: 1] != nil)
        // The new admin may sign the generation after, the former one may not.
        #expect(throws: Never.self) { try next.appending(body: body, signer: signer(2)) }
        for signer in [signer(1), signer(9), signer(2, 9)] {
            #expect(keyringCode { _ = try next.appending(body: body, signer: signer) } == .notAnAdmin)
        }
        #expect(keyringCode { _ = try next.appending(body: body, signer: signer()) } == .untrusted)
        #expect(
            keyringCode {
                _ = try keyring.appending(body: body, admins: [admin(9).publicKey], signer: signer(9))
            } == .notAnAdmin)
    }

    @Test func `a fresh file key wraps each time`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let body = try KeyringBody(rewrapping: keyring.body, opened: opened, for: [ada, bob])
        #expect(body.epochs[0].wrappedIdentity != keyring.body.epochs[0].wrappedIdentity)
        #expect(body.epochs[0].recipient == keyring.body.epochs[0].recipient)
    }

    @Test func `a body that was not signed, older ones among them, is refused`() throws {
        let keyring = try keyring()
        let other = try KeyringBody(newFor: [ada])
        #expect(
            keyringCode {
                _ = try Keyring(environment: "prod", generations: keyring.chain.generations, body: other)
            } == .wrongBody)
        let next = try keyring.appending(body: other, signer: signer(1))
        #expect(
            keyringCode {
                _ = try Keyring(
                    environment: "prod", generations: next.chain.generations, body: keyring.body)
            } == .wrongBody)
        #expect(
            keyringCode {
                _ = try Keyring(
                    environment: "staging", generations: keyring.chain.generations, body: keyring.body)
            } == .untrusted)
    }

    @Test func `members read epochs from their first one on`() throws {
        let late = try member("late", 3, firstEpoch: 2)
        let body = try KeyringBody(
            members: [ada, late],
            epochs: [epoch(1, 21, .closed, [ada]), epoch(2, 22, .open, [ada, late])])
        let keyring = try signed(body)
        #expect(try keyring.open(with: [identity(1)]).epochs == [1, 2])
        #expect(try keyring.open(with: [identity(3)]).epochs == [2])
        #expect(keyring.sealingKey.epoch == 2)
    }

    @Test func `a hidden member in place of a listed one is found by whoever opens`() throws {
        let eve = try member("eve", 66)
        for readers in [[ada, eve], [eve, ada], [bob, ada], [ada, ada]] {
            let body = try KeyringBody(
                members: [ada, bob], epochs: [epoch(1, 21, .open, readers)])
            let keyring = try signed(body)
            #expect(keyringCode { _ = try keyring.open(with: [identity(1)]) } == .forged)
        }
    }

    @Test func `a stanza with an ephemeral key of another making is found`() throws {
        // Ordinary age: random ephemeral keys, the very members of the list.
        let file = try Age.encrypt(
            text(of: identity(21)), to: [ada.recipient.ageRecipient, bob.recipient.ageRecipient])
        let keyring = try signed(wrapped: file, of: 21)
        #expect(keyringCode { _ = try keyring.open(with: [identity(2)]) } == .forged)
    }

    @Test func `an identity of another public key, or none, is found`() throws {
        let other = try WrappedIdentity.wrap(identity(22), to: [ada, bob])
        let keyring = try signed(wrapped: other, of: 21)
        #expect(keyringCode { _ = try keyring.open(with: [identity(1)]) } == .forged)
        // A key that wraps right and holds 75 bytes of something else.
        let fileKey = FileKey()
        let stanzas = try [ada, bob].map {
            try $0.recipient.wrap(fileKey, ephemeralInfo: "strongroom/keyring-ephemeral/v1")
        }
        let junk = SecretBytes([UInt8](repeating: 0x41, count: 75))
        let file = try junk.withBytes { (bytes) throws(AgeError) in
            try Age.encrypt(bytes, with: AgeEncryptor(fileKey: fileKey, stanzas: stanzas))
        }
        let second = try signed(wrapped: file, of: 21)
        #expect(keyringCode { _ = try second.open(with: [identity(1)]) } == .forged)
    }

    @Test func `no flipped bit of a wrapped identity opens`() throws {
        let wrapped = try WrappedIdentity.wrap(identity(21), to: [ada, bob])
        for offset in stride(from: 0, to: wrapped.count, by: 3) {
            var changed = wrapped
            changed[offset] ^= 1 << UInt8(offset % 8)
            guard let keyring = try? signed(wrapped: changed, of: 21) else { continue }
            #expect(keyringCode { _ = try keyring.open(with: [identity(1)]) } == .forged)
        }
    }

    /// A keyring that its admin signed without looking: whoever opens has to.
    private func signed(_ body: KeyringBody) throws -> Keyring {
        let header = try GenerationHeader(
            first: .keyring, subject: "prod", admins: [admin(1).publicKey], body: body.bytes)
        return try Keyring(
            environment: "prod", generations: [SignedGeneration(signing: header, with: admin(1))], body: body)
    }

    private func signed(wrapped file: [UInt8], of byte: UInt8) throws -> Keyring {
        let epoch = KeyEpoch(
            number: 1, recipient: identity(byte).recipient, state: .open, wrappedIdentity: file)
        return try signed(KeyringBody(members: [ada, bob], epochs: [epoch]))
    }

    private func text(of identity: X25519Identity) -> SecretBytes {
        SecretBytes(identity.encoded().array + [0x0A])
    }
}
