import SSH
import Sodium
import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringChangeTests {
    private let ada: Member
    private let bob: Member
    private let eve: Member

    private init() throws {
        ada = try member("ada", 1)
        bob = try member("bob", 2, roles: [.drill])
        eve = try member("eve", 3)
    }

    /// Ada and Bob, and two epochs.
    private func keyring() throws -> Keyring {
        let first = try Keyring.create(environment: "prod", members: [ada, bob], signingWith: admin(1))
        return try first.appending(body: first.body.rotating(), signer: signer(1))
    }

    @Test func `a member added for the current epoch reads it and those to come, and no older one`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let next = try keyring.appending(
            body: keyring.body.adding([eve], epochs: .current, opened: opened), signer: signer(1))
        #expect(next.generation == 3)
        #expect(next.sealingKey == keyring.sealingKey)
        #expect(try next.open(with: [identity(3)]).epochs == [2])
        #expect(try next.open(with: [identity(2)]).epochs == [1, 2])
        // What nobody new reads keeps its bytes.
        #expect(next.body.epochs[0] == keyring.body.epochs[0])
        let later = try next.appending(body: next.body.rotating(), signer: signer(1))
        #expect(try later.open(with: [identity(3)]).epochs == [2, 3])
    }

    @Test func `a member added for all epochs reads them all`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(2)])
        let body = try keyring.body.adding([eve, try member("dan", 4)], epochs: .all, opened: opened)
        let next = try keyring.appending(body: body, signer: signer(1))
        for byte in [1, 2, 3, 4] as [UInt8] {
            #expect(try next.open(with: [identity(byte)]).epochs == [1, 2])
        }
        #expect(next.body.members.map(\.name) == ["ada", "bob", "eve", "dan"])
    }

    @Test func `members that are there, or nobody, are not added`() throws {
        let body = try keyring().body
        let opened = try keyring().open(with: [identity(1)])
        func code(_ newcomers: [Member]) -> KeyringError.Code? {
            keyringCode { _ = try body.adding(newcomers, epochs: .current, opened: opened) }
        }
        #expect(code([]) == .noChange)
        // The identities of another keyring are none of this one's.
        #expect(code([eve]) == .notAMember)
    }

    @Test func `a name or key that is in the list already is refused`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        for newcomer in [try member("ada", 9), try member("dan", 1)] {
            #expect(
                keyringCode { _ = try keyring.body.adding([newcomer], epochs: .all, opened: opened) }
                    == .badMember)
        }
    }

    @Test func `who can't read old epochs can't give them to others`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let next = try keyring.appending(
            body: keyring.body.adding([eve], epochs: .current, opened: opened), signer: signer(1))
        let hers = try next.open(with: [identity(3)])
        let dan = try member("dan", 4)
        #expect(
            keyringCode { _ = try next.body.adding([dan], epochs: .all, opened: hers) } == .notAMember)
        #expect(keyringCode { _ = try next.body.adding([dan], epochs: .current, opened: hers) } == nil)
        #expect(keyringCode { _ = try next.body.removing(["bob"], opened: hers) } == .notAMember)
    }

    @Test func `a removed member opens nothing of the new generation, and a new epoch is sealed to`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        #expect(keyring.body.epochs(readableBy: bob) == [1, 2])
        let next = try keyring.appending(
            body: keyring.body.removing(["bob"], opened: opened), signer: signer(1))
        #expect(next.body.members == [ada])
        #expect(next.sealingKey.epoch == 3)
        #expect(next.body.epochs.map(\.state) == [.closed, .closed, .open])
        #expect(keyringCode { _ = try next.open(with: [identity(2)]) } == .notAMember)
        let hers = try next.open(with: [identity(1)])
        #expect(hers.epochs == [1, 2, 3])
        for epoch in [1, 2] as [UInt64] {
            #expect(hers[epoch: epoch]?.recipient == opened[epoch: epoch]?.recipient)
        }
        // Not even the file key that Bob knows from before opens anything.
        for (old, new) in zip(keyring.body.epochs, next.body.epochs) {
            let known = try old.wrappedIdentity.withBytes { (file) throws(AgeError) in
                try AgeHeader(parsing: file).unwrap(with: [identity(2)])
            }
            #expect(
                ageCode { _ = try Age.decrypt(new.wrappedIdentity, with: [KnownFileKey(known.copy())]) }
                    == .hmac)
        }
    }

    @Test func `a member who joined late could read what came after`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let body = try keyring.body.adding([eve], epochs: .current, opened: opened)
        #expect(body.epochs(readableBy: try body.member("eve")) == [2])
        let rest = try body.removing(["eve"], opened: opened)
        #expect(rest.epochs[0] == keyring.body.epochs[0])
        #expect(rest.epochs.count == 3)
    }

    @Test func `the last who can open, strangers and nobody are not removed`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        func code(_ names: [String], _ body: KeyringBody) -> KeyringError.Code? {
            keyringCode { _ = try body.removing(names, opened: opened) }
        }
        #expect(code([], keyring.body) == .noChange)
        #expect(code(["eve"], keyring.body) == .noSuchMember)
        #expect(code(["ada", "eve"], keyring.body) == .noSuchMember)
        #expect(code(["ada", "bob"], keyring.body) == .lastMember)
        #expect(code(["ada"], keyring.body) == nil)
        // Eve alone would be left, who reads no more than epoch 2.
        let late = try keyring.body.adding([eve], epochs: .current, opened: opened)
        #expect(code(["ada", "bob"], late) == .lastMember)
        #expect(code(["ada"], late) == nil)
    }

    @Test func `rotation needs no identity and leaves older epochs as they are`() throws {
        let keyring = try keyring()
        let next = try keyring.appending(body: keyring.body.rotating(), signer: signer(1))
        #expect(next.sealingKey.epoch == 3)
        #expect(next.sealingKey.recipient != keyring.sealingKey.recipient)
        #expect(
            next.body.epochs.prefix(2).map(\.wrappedIdentity) == keyring.body.epochs.map(\.wrappedIdentity))
        #expect(try next.open(with: [identity(2)]).epochs == [1, 2, 3])
        let last = try KeyringBody(members: [ada], epochs: [epoch(KeyEpoch.numberLimit, 21, .open, [ada])])
        #expect(keyringCode { _ = try last.rotating() } == .malformed)
    }

    @Test func `roles change without a key being touched`() throws {
        let keyring = try keyring()
        let body = try keyring.body.settingRoles([.escrow, .drill], of: "ada")
        #expect(body.members.map(\.roles) == [[.escrow, .drill], [.drill]])
        #expect(body.epochs == keyring.body.epochs)
        #expect(
            try keyring.appending(body: body, signer: signer(1)).open(with: [identity(1)]).epochs == [1, 2])
        #expect(try body.settingRoles([], of: "bob").members[1].roles == [])
        #expect(keyringCode { _ = try keyring.body.settingRoles([.drill], of: "bob") } == .noChange)
        #expect(keyringCode { _ = try keyring.body.settingRoles([.drill], of: "eve") } == .noSuchMember)
    }

    @Test func `admins come and go, but for the last one`() throws {
        let keyring = try keyring()
        let (one, two) = (admin(1).publicKey, admin(2).publicKey)
        #expect(try keyring.admins(adding: [two, one]) == [one, two].sorted())
        #expect(try keyring.admins(adding: [two], removing: [one]) == [two])
        #expect(keyringCode { _ = try keyring.admins(removing: [one]) } == .lastAdmin)
        #expect(keyringCode { _ = try keyring.admins(removing: [two]) } == .notAnAdmin)
        let weak = try SSHPublicKey(text: "ssh-rsa AAAAB3NzaC1yc2EAAAABAwAAAAJAAQ==")
        #expect(keyringCode { _ = try keyring.admins(adding: [weak]) } == .unsupported)
        let next = try keyring.appending(body: keyring.body, admins: [two], signer: signer(1))
        #expect(keyringCode { _ = try next.appending(body: next.body, signer: signer(1)) } == .notAnAdmin)
        #expect(throws: Never.self) { try next.appending(body: next.body, signer: signer(2)) }
    }

    @Test func `a restarted keyring opens as before and has another root`() throws {
        let keyring = try keyring()
        let opened = try keyring.open(with: [identity(1)])
        let proposal = try KeyringProposal(restarting: keyring, opened: opened, admins: [admin(7).publicKey])
        let next = try proposal.adding(signaturesBy: signer(7)).completed()
        #expect(next.generation == 1)
        #expect(next.root != keyring.root)
        #expect(next.sealingKey == keyring.sealingKey)
        #expect(try next.open(with: [identity(2)]).epochs == [1, 2])
        #expect(keyringCode { _ = try proposal.adding(signaturesBy: signer(1)) } == .notAnAdmin)
        #expect(
            keyringCode {
                _ = try KeyringProposal(restarting: keyring, opened: opened, admins: [])
            } == .lastAdmin)
        let stranger = try Keyring.create(environment: "prod", members: [ada], signingWith: admin(1))
        #expect(
            keyringCode {
                _ = try KeyringProposal(
                    restarting: keyring, opened: stranger.open(with: [identity(1)]),
                    admins: [admin(7).publicKey])
            } == .notAMember)
    }
}
