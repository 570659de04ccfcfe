import SSH
import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringRebaseTests {
    private let base: Keyring

    private init() throws {
        base = try Keyring.create(
            environment: "prod", members: [member("ada", 1), member("bob", 2), member("cat", 3)],
            admins: [admin(1).publicKey, admin(2).publicKey], signer: signer(1))
    }

    /// `keyring` with one more generation, changed by Ada.
    private func changed(
        _ keyring: Keyring, threshold: UInt64? = nil, admins: [SSHPublicKey]? = nil,
        _ change: (KeyringBody, OpenedKeyring) throws -> KeyringBody
    ) throws -> Keyring {
        try keyring.appending(
            body: change(keyring.body, keyring.open(with: [identity(1)])), admins: admins,
            threshold: threshold, signer: signer(1))
    }

    private func rebase(_ losing: Keyring, _ winning: Keyring, from base: Keyring? = nil) throws
        -> KeyringRebase
    {
        try KeyringRebase(
            losing, from: base ?? self.base, onto: winning,
            opened: (losing.open(with: [identity(1)]), winning.open(with: [identity(1)])))
    }

    @Test func `two added members are both there`() throws {
        let losing = try changed(base) { try $0.adding([member("dan", 4)], epochs: .all, opened: $1) }
        let winning = try changed(base) { try $0.adding([member("eve", 5)], epochs: .all, opened: $1) }
        let rebase = try rebase(losing, winning)
        #expect(rebase.renumbered.isEmpty)
        let next = try rebase.proposal.adding(signaturesBy: signer(2)).completed()
        #expect(next.generation == 3)
        #expect(next.body.members.map(\.name) == ["ada", "bob", "cat", "eve", "dan"])
        #expect(next.sealingKey == winning.sealingKey)
        for byte in [1, 2, 3, 4, 5] as [UInt8] {
            #expect(try next.open(with: [identity(byte)]).epochs == [1])
        }
    }

    @Test func `epochs of the losing side get the numbers that follow`() throws {
        let losing = try changed(changed(base) { body, _ in try body.rotating() }) {
            try $0.adding([member("dan", 4)], epochs: .current, opened: $1).rotating()
        }
        let winning = try changed(base) { body, _ in try body.rotating() }
        let rebase = try rebase(losing, winning)
        #expect(rebase.renumbered.map(\.from) == [2, 3])
        #expect(rebase.renumbered.map(\.to) == [3, 4])
        let next = try rebase.proposal.adding(signaturesBy: signer(1)).completed()
        #expect(next.body.epochs.map(\.number) == [1, 2, 3, 4])
        #expect(next.publicKey(epoch: 2)?.key == winning.sealingKey.key)
        #expect(next.publicKey(epoch: 3)?.key == losing.publicKey(epoch: 2)?.key)
        #expect(next.sealingKey.key == losing.sealingKey.key)
        // Dan joined with epoch 2 of the losing side.
        #expect(try next.open(with: [identity(4)]).epochs == [3, 4])
        #expect(try next.open(with: [identity(2)]).epochs == [1, 2, 3, 4])
    }

    @Test func `nothing is sealed to a key that somebody removed by the other side knows`() throws {
        let losing = try changed(base) { body, _ in try body.rotating() }
        let winning = try changed(base) { try $0.removing(["bob"], opened: $1) }
        let one = try rebase(losing, winning)
        let next = try one.proposal.adding(signaturesBy: signer(1)).completed()
        // Epoch 3 was the losing side's, which Bob knows.
        #expect(one.renumbered.map(\.to) == [3])
        #expect(next.body.epochs.map(\.number) == [1, 2, 3, 4])
        #expect(next.sealingKey.epoch == 4)
        #expect(keyringCode { _ = try next.open(with: [identity(2)]) } == .notAMember)

        // The other way round the new key of the removing side comes last by itself.
        let two = try rebase(winning, losing)
        let other = try two.proposal.adding(signaturesBy: signer(1)).completed()
        #expect(other.body.epochs.map(\.number) == [1, 2, 3])
        #expect(other.sealingKey.key == winning.sealingKey.key)
        #expect(other.body.members.map(\.name) == ["ada", "cat"])
        #expect(keyringCode { _ = try other.open(with: [identity(2)]) } == .notAMember)
    }

    @Test func `both sides' removals, roles and admins count`() throws {
        let losing = try changed(base, threshold: 1, admins: [admin(1).publicKey, admin(3).publicKey]) {
            try $0.removing(["bob"], opened: $1).settingRoles([.escrow], of: "ada")
        }
        let winning = try changed(
            base, threshold: 2, admins: [admin(1).publicKey, admin(2).publicKey, admin(4).publicKey]
        ) { try $0.removing(["cat"], opened: $1) }
        let rebase = try rebase(losing, winning)
        #expect(rebase.proposal.body.members == [try member("ada", 1, roles: [.escrow])])
        let header = rebase.proposal.pending.header
        #expect(Set(header.admins) == [admin(1).publicKey, admin(3).publicKey, admin(4).publicKey])
        #expect(header.threshold == 2)
        #expect(rebase.proposal.missingCount == 2)
        #expect(rebase.proposal.body.epochs.last?.number == 4)
    }

    @Test func `one change by both sides is one change`() throws {
        let losing = try changed(base) { try $0.adding([member("dan", 4)], epochs: .all, opened: $1) }
        let winning = try changed(base) {
            try $0.adding([member("dan", 4)], epochs: .all, opened: $1).settingRoles([.drill], of: "cat")
        }
        let rebase = try rebase(losing, winning)
        #expect(rebase.proposal.body.members == winning.body.members)
    }

    @Test func `changes that contradict each other are refused`() throws {
        let drill = try changed(base) { body, _ in try body.settingRoles([.drill], of: "bob") }
        let escrow = try changed(base) { body, _ in try body.settingRoles([.escrow], of: "bob") }
        let without = try changed(base) { try $0.removing(["bob"], opened: $1) }
        let dan = try changed(base) { try $0.adding([member("dan", 4)], epochs: .all, opened: $1) }
        let other = try changed(base) { try $0.adding([member("dan", 5)], epochs: .all, opened: $1) }
        for (losing, winning) in [
            (drill, escrow), (drill, without), (without, drill), (dan, other), (drill, drill),
        ] where losing != winning {
            #expect(keyringCode { _ = try rebase(losing, winning) } == .conflict)
        }
        let three = [admin(1).publicKey, admin(2).publicKey, admin(3).publicKey]
        let two = try changed(base, threshold: 2, admins: three) { body, _ in try body.rotating() }
        let all = try changed(base, threshold: 3, admins: three) { body, _ in try body.rotating() }
        #expect(keyringCode { _ = try rebase(two, all) } == .conflict)
    }

    @Test func `what doesn't part from the given generation is refused`() throws {
        let losing = try changed(base) { body, _ in try body.rotating() }
        let winning = try changed(base) { body, _ in try body.rotating() }
        let stranger = try Keyring.create(
            environment: "prod", members: [member("ada", 1)], signingWith: admin(1))
        #expect(keyringCode { _ = try rebase(losing, winning, from: losing) } == .conflict)
        #expect(keyringCode { _ = try rebase(losing, winning, from: stranger) } == .conflict)
        #expect(keyringCode { _ = try rebase(losing, stranger) } == .conflict)
        #expect(keyringCode { _ = try rebase(base, winning) } == .conflict)
        #expect(keyringCode { _ = try rebase(losing, base) } == .conflict)
        #expect(keyringCode { _ = try rebase(losing, losing) } == .conflict)
    }

    @Test func `who can't open both sides can't join them`() throws {
        let losing = try changed(base) { body, _ in try body.rotating() }
        let winning = try changed(base) { body, _ in try body.rotating() }
        let (mine, theirs) = (try losing.open(with: [identity(1)]), try winning.open(with: [identity(1)]))
        for opened in [(mine, mine), (theirs, theirs)] {
            #expect(
                keyringCode {
                    _ = try KeyringRebase(
                        losing, from: base, onto: winning, opened: (losing: opened.0, winning: opened.1))
                } == .notAMember)
        }
    }

    @Test func `a rebase that was done is known again, one that was not is none`() throws {
        let losing = try changed(changed(base) { body, _ in try body.rotating() }) {
            try $0.removing(["cat"], opened: $1)
        }
        let winning = try changed(base) { body, _ in try body.rotating() }
        let rebase = try rebase(losing, winning)
        let next = try rebase.proposal.adding(signaturesBy: signer(1)).completed()
        func known(_ result: Keyring, _ losing: Keyring) -> [KeyringRebase.Renumbering]? {
            KeyringRebase.renumbering(of: losing, from: base, onto: winning, in: result)
        }
        #expect(known(next, losing) == rebase.renumbered && rebase.renumbered.map(\.to) == [3, 4])
        // Also when other changes came after it.
        let later = try changed(next) { body, _ in try body.rotating() }
        #expect(known(later, losing) == rebase.renumbered)
        #expect(known(winning, losing) == nil && known(losing, losing) == nil)
        // A successor of the other side that lacks one of this side's changes.
        let other = try changed(base) { try $0.removing(["bob"], opened: $1) }
        #expect(known(next, other) == nil)
        #expect(known(try changed(winning) { body, _ in try body.rotating() }, losing) == nil)
    }
}
