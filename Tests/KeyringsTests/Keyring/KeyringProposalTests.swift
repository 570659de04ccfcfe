import SSH
import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringProposalTests {
    private let ada: Member
    private let admins = [admin(1).publicKey, admin(2).publicKey, admin(3).publicKey]

    private init() throws {
        ada = try member("ada", 1)
    }

    private func keyring(threshold: UInt64 = 2) throws -> Keyring {
        try Keyring.create(
            environment: "prod", members: [ada], admins: admins, threshold: threshold, signer: signer(1, 2))
    }

    @Test func `a proposal becomes the keyring with the last signature, through its file each time`() throws {
        let keyring = try keyring()
        let proposal = try KeyringProposal(after: keyring, body: keyring.body.rotating())
        #expect(proposal.missingCount == 2)
        #expect(keyringCode { _ = try proposal.completed() } == .untrusted)
        var file = proposal.yaml
        for (byte, missing) in [(3, 1), (1, 0)] as [(UInt8, Int)] {
            let read = try KeyringProposal(parsing: file, environment: "prod")
            let signed = try read.adding(signaturesBy: signer(byte))
            #expect(signed.missingCount == missing)
            file = signed.yaml
        }
        let complete = try KeyringProposal(parsing: file, environment: "prod")
        #expect(Set(complete.signers) == [admins[0], admins[2]])
        let next = try complete.completed()
        #expect(next.generation == 2)
        #expect(next.root == keyring.root)
        #expect(try Keyring(parsing: next.yaml, environment: "prod") == next)
    }

    @Test func `a proposal is no keyring, and its file says what it is`() throws {
        let keyring = try keyring()
        let proposal = try KeyringProposal(after: keyring, body: keyring.body.rotating())
            .adding(signaturesBy: signer(2))
        #expect(keyringCode { _ = try Keyring(parsing: proposal.yaml, environment: "prod") } == .untrusted)
        let text = String(decoding: proposal.yaml, as: UTF8.self)
        #expect(text.contains("1 more of its admins"))
        #expect(try KeyringProposal(parsing: proposal.yaml, environment: "prod") == proposal)
    }

    @Test func `strangers, second signatures of one admin and unfitting ones are refused`() throws {
        let keyring = try keyring()
        let proposal = try KeyringProposal(after: keyring, body: keyring.body.rotating())
            .adding(signaturesBy: signer(1))
        #expect(keyringCode { _ = try proposal.adding(signaturesBy: signer(9)) } == .notAnAdmin)
        #expect(keyringCode { _ = try proposal.adding(signaturesBy: signer(1)) } == .signedAlready)
        let other = try KeyringProposal(after: keyring, body: keyring.body)
        let foreign = SignedGeneration.signature(over: other.pending.header, by: admin(2))
        #expect(keyringCode { _ = try proposal.adding(foreign) } == .untrusted)
        #expect(
            keyringCode { _ = try proposal.adding(signaturesBy: { _ in throw SSHError(.encryptedKey, "") }) }
                == .signing)
    }

    @Test func `thresholds that nobody can reach and empty lists of admins are refused`() throws {
        let keyring = try keyring()
        func code(_ admins: [SSHPublicKey]?, _ threshold: UInt64?) -> KeyringError.Code? {
            keyringCode {
                _ = try KeyringProposal(
                    after: keyring, body: keyring.body, admins: admins, threshold: threshold)
            }
        }
        #expect(code(nil, nil) == nil)
        #expect(code(nil, 3) == nil)
        #expect(code(nil, 0) == .unreachableThreshold)
        #expect(code(nil, 4) == .unreachableThreshold)
        #expect(code([admins[0]], nil) == .unreachableThreshold)
        #expect(code([admins[0], admins[0]], 2) == .unreachableThreshold)
        #expect(code([admins[0]], 1) == nil)
        #expect(code([], 1) == .lastAdmin)
    }

    @Test func `a changed threshold needs the signatures of the one before`() throws {
        let keyring = try keyring()
        let proposal = try KeyringProposal(after: keyring, body: keyring.body, threshold: 1)
        #expect(proposal.missingCount == 2)
        let next = try proposal.adding(signaturesBy: signer(1, 3)).completed()
        #expect(try KeyringProposal(after: next, body: next.body).missingCount == 1)
    }

    @Test func `the first generation of a keyring can be a proposal`() throws {
        let body = try KeyringBody(newFor: [ada])
        let proposal = try KeyringProposal(first: "prod", body: body, admins: admins, threshold: 2)
        #expect(proposal.base == nil)
        #expect(proposal.missingCount == 2)
        let read = try KeyringProposal(
            parsing: proposal.adding(signaturesBy: signer(2)).yaml, environment: "prod")
        #expect(try read.adding(signaturesBy: signer(3)).completed().generation == 1)
    }

    @Test func `no edit of a proposal's file is taken`() throws {
        let keyring = try keyring()
        let proposal = try KeyringProposal(after: keyring, body: keyring.body.rotating())
            .adding(signaturesBy: signer(1))
        let text = String(decoding: proposal.yaml, as: UTF8.self)
        let cases: [(String, String, KeyringError.Code)] = [
            ("name: ada", "name: eve", .wrongBody), ("threshold: 2", "threshold: 1", .untrusted),
            ("version: 1", "version: 2", .unsupported), ("- generation: 2", "- generation: 3", .untrusted),
            ("state: closed", "state: open", .malformed),
        ]
        for (old, new, expected) in cases {
            let changed = text.replacing(old, with: new, maxReplacements: 1)
            #expect(changed != text, "\(old)")
            #expect(
                keyringCode { _ = try KeyringProposal(parsing: Array(changed.utf8), environment: "prod") }
                    == expected, "\(old) -> \(new)")
        }
        #expect(
            keyringCode { _ = try KeyringProposal(parsing: proposal.yaml, environment: "staging") }
                == .wrongEnvironment)
        // Without a signature the fields of the pending header are only bound to the body and the chain.
        let generations = [keyring.chain.generations[0], proposal.pending]
        #expect(
            keyringCode {
                _ = try KeyringProposal(
                    environment: "prod", generations: [proposal.pending], body: proposal.body)
            } == .untrusted)
        #expect(
            keyringCode {
                _ = try KeyringProposal(environment: "prod", generations: generations, body: keyring.body)
            } == .wrongBody)
        #expect(
            keyringCode { _ = try KeyringProposal(environment: "prod", generations: [], body: keyring.body) }
                == .untrusted)
    }

    @Test func `the difference says what would be signed`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let bob = try member("bob", 2, roles: [.escrow])
        let body = try keyring.body.adding([bob], epochs: .current, opened: opened)
            .settingRoles([.drill], of: "ada").rotating()
        let proposal = try KeyringProposal(
            after: keyring, body: body, admins: [admins[0], admin(4).publicKey], threshold: 1)
        let difference = KeyringDifference(
            from: (keyring.body, keyring.chain.newest), to: (proposal.body, proposal.pending.header))
        #expect(difference.added == [bob])
        #expect(difference.removed.isEmpty)
        #expect(difference.changed.map(\.name) == ["ada"])
        #expect(difference.newEpochs == [2])
        #expect(difference.addedAdmins == [admin(4).publicKey])
        #expect(Set(difference.removedAdmins) == [admins[1], admins[2]])
        #expect(difference.threshold == 1)
        let lines = difference.lines
        #expect(lines.count == 7)
        #expect(lines[0] == "add member bob (escrow), epochs from 1: \(identity(2).recipient.text)")
        let none = KeyringDifference(
            from: (keyring.body, keyring.chain.newest), to: (keyring.body, keyring.chain.newest))
        #expect(none.lines.isEmpty)
    }
}
