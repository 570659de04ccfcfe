import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringSetTests {
    private func keyring(_ name: String, _ members: [Member]) throws -> Keyring {
        try Keyring.create(environment: name, members: members, signingWith: admin(1))
    }

    private func member(of keyring: Keyring) throws -> Member {
        try Member(name: keyring.environment, recipient: .environment(keyring.sealingKey))
    }

    private func with(_ body: KeyringBody, _ keyring: Keyring) throws -> Keyring {
        try keyring.appending(body: body, signer: signer(1))
    }

    private func own(_ byte: UInt8) -> [MemberIdentity] { [.x25519(identity(byte))] }

    /// ops, which can open prod and staging; prod, which can open archive; and one apart.
    private func keyrings() throws -> [Keyring] {
        let ops = try keyring("ops", [person("ada", 1)])
        let prod = try keyring("prod", [person("bob", 2), member(of: ops)])
        let staging = try keyring("staging", [member(of: ops)])
        let archive = try keyring("archive", [member(of: prod), member(of: staging)])
        return [ops, prod, staging, archive, try keyring("apart", [person("eve", 3)])]
    }

    private func person(_ name: String, _ byte: UInt8) throws -> Member {
        try Member(name: name, recipient: .x25519(identity(byte).recipient))
    }

    @Test func `members of a member open, through any number of keyrings`() throws {
        let set = KeyringSet(try keyrings())
        for name in ["ops", "prod", "staging", "archive"] {
            #expect(try set.open(name, with: own(1)).environment == name)
        }
        #expect(try set.open("archive", with: own(2)).epochs == [1])
        #expect(keyringCode { _ = try set.open("staging", with: own(2)) } == .notAMember)
        #expect(keyringCode { _ = try set.open("ops", with: own(2)) } == .notAMember)
        #expect(keyringCode { _ = try set.open("apart", with: own(1)) } == .notAMember)
        #expect(keyringCode { _ = try set.open("nowhere", with: own(1)) } == .notAMember)
        // Without the keyring between there is no way.
        let broken = KeyringSet(try keyrings().filter { $0.environment != "prod" })
        #expect(keyringCode { _ = try broken.open("archive", with: own(2)) } == .notAMember)
    }

    @Test func `a member reaches what his environment can open, from his first epoch on`() throws {
        let keyrings = try keyrings()
        let ops = try with(keyrings[0].body.rotating(), keyrings[0])
        let joined = try with(
            ops.body.adding(
                [person("new", 4)], epochs: .current, opened: ops.open(with: own(1))), ops)
        let prod = try with(keyrings[1].body.rotating(), keyrings[1])
        let set = KeyringSet([joined, prod] + keyrings[2...])
        func reach(_ name: String, _ environment: String) throws -> [String: Set<UInt64>] {
            try set.reach(of: try #require(set[environment]).body.member(name), in: environment)
        }
        #expect(
            try reach("ada", "ops") == ["ops": [1, 2], "prod": [1, 2], "staging": [1], "archive": [1]])
        #expect(try reach("new", "ops")["ops"] == [2])
        #expect(try reach("new", "ops")["prod"] == [1, 2])
        #expect(try reach("bob", "prod") == ["prod": [1, 2], "archive": [1]])
        #expect(try reach("eve", "apart") == ["apart": [1]])
        #expect(set.ways(of: .x25519(identity(1).recipient), into: "archive") == ["ops"])
        #expect(set.ways(of: .x25519(identity(2).recipient), into: "archive") == ["prod"])
        #expect(set.ways(of: .x25519(identity(3).recipient), into: "archive") == [])
        // prod and staging have the key that ops had before.
        #expect(set.stale(of: "ops") == ["prod", "staging"])
        #expect(set.stale(of: "prod") == ["archive"] && set.stale(of: "staging") == [])
    }

    @Test func `an older epoch of the member still opens, and both ways in add up`() throws {
        let ops = try keyring("ops", [person("ada", 1)])
        let prod = try keyring("prod", [member(of: ops)])
        let newer = try with(ops.body.rotating(), ops)
        #expect(try KeyringSet([newer, prod]).open("prod", with: own(1)).epochs == [1])

        // Ada reads epoch 2 of prod herself, and epoch 1 through ops.
        let rotated = try with(prod.body.rotating(), prod)
        let opened = try KeyringSet([ops, rotated]).open("prod", with: own(1))
        let joined = try with(
            rotated.body.adding([person("ada", 1)], epochs: .current, opened: opened), rotated)
        #expect(try joined.open(with: own(1)).epochs == [2])
        #expect(try KeyringSet([ops, joined]).open("prod", with: own(1)).epochs == [1, 2])
    }

    @Test func `an environment is never a member of itself`() throws {
        let set = KeyringSet(try keyrings())
        func code(_ name: String, _ host: String) -> KeyringError.Code? {
            keyringCode { try set.check(name, asMemberOf: host) }
        }
        #expect(code("ops", "ops") == .cycle)
        #expect(code("prod", "ops") == .cycle)
        #expect(code("archive", "ops") == .cycle)
        #expect(code("archive", "prod") == .cycle)
        #expect(code("apart", "ops") == nil)
        #expect(code("ops", "archive") == nil)
        #expect(code("prod", "staging") == nil)
    }

    @Test func `a cycle that was signed all the same is refused and doesn't hang`() throws {
        let one = try keyring("one", [person("ada", 1)])
        let two = try keyring("two", [member(of: one)])
        let opened = try one.open(with: own(1))
        let joined = try with(
            one.body.adding([member(of: two)], epochs: .all, opened: opened), one)
        let set = KeyringSet([joined, two])
        #expect(keyringCode { _ = try set.open("two", with: own(9)) } == .cycle)
        #expect(keyringCode { _ = try set.dependents(of: "one") } == .cycle)
        // Who is a member himself needs no way round.
        #expect(keyringCode { _ = try set.open("one", with: own(1)) } == nil)
    }

    @Test func `a new epoch goes on to all who depend on it, each once and in order`() throws {
        let keyrings = try keyrings()
        let set = KeyringSet(keyrings)
        #expect(Set(try set.dependents(of: "ops")) == ["prod", "staging", "archive"])
        #expect(try set.dependents(of: "ops").last == "archive")
        #expect(try set.dependents(of: "archive") == [])

        let ops = try with(keyrings[0].body.rotating(), keyrings[0])
        let following = try set.following(ops.sealingKey, with: own(1))
        #expect(following.closed == [])
        #expect(following.bodies.map(\.environment) == (try set.dependents(of: "ops")))
        var next = [ops]
        for (name, body) in following.bodies {
            let before = try #require(set[name])
            #expect(body.newestEpoch == 2)
            #expect(body.epochs.count == 2)
            next.append(try with(body, before))
        }
        let after = KeyringSet(next)
        for keyring in next {
            #expect(try after.open(keyring.environment, with: own(1)).epochs == [1, 2])
            for case .environment(let key) in keyring.body.members.map(\.recipient) {
                #expect(key == after[key.environment]?.sealingKey)
            }
        }
        // Who has only the old identities of ops opens nothing of what comes.
        let stale = try keyrings[0].open(with: own(1))
        let old = try #require(stale[epoch: 1])
        #expect(keyringCode { _ = try after.open("prod", with: [.x25519(old)]) } == .notAMember)
    }

    @Test func `a keyring that can't be opened is left to its own members`() throws {
        let keyrings = try keyrings()
        let set = KeyringSet(keyrings)
        let ops = try with(keyrings[0].body.rotating(), keyrings[0])
        let following = try set.following(ops.sealingKey, with: own(2))
        #expect(Set(following.closed) == ["staging"])
        #expect(following.bodies.map(\.environment) == ["prod", "archive"])
    }

    @Test func `a member that is no environment follows none`() throws {
        let keyrings = try keyrings()
        let opened = try keyrings[0].open(with: own(1))
        #expect(
            keyringCode { _ = try keyrings[0].body.replacing(keyrings[4].sealingKey, opened: opened) }
                == .noSuchMember)
    }
}
