import Encodings
import Testing

@testable import Keyrings

@Suite struct MemberTests {
    @Test func `names are plain words`() throws {
        for name in [
            "ada", "Ada.Lovelace", "ada@example.org", "agent-1", "a_b+c", String(repeating: "a", count: 64),
        ] {
            #expect(throws: Never.self) { try member(name, 1) }
        }
        for name in [
            "", " ada", "ada ", "ada lovelace", "-ada", ".ada", "a=b", "a\nb", "zoë", "a\"b", "a#b", "a:b",
            "\u{212A}",
            String(repeating: "a", count: 65),
        ] {
            #expect(keyringCode { _ = try member(name, 1) } == .badMember, "\(name)")
            #expect(
                keyringCode { _ = try Member(name: name, recipient: identity(1).recipient.text) }
                    == .badMember)
        }
    }

    @Test func `F004: a recipient that is malformed or of low order is refused with the member's name`() {
        let good = identity(1).recipient.text
        let low = Bech32.encode(prefix: "age", data: [UInt8](repeating: 0, count: 32))
        let order1 = Bech32.encode(prefix: "age", data: [1] + [UInt8](repeating: 0, count: 31))
        let short = Bech32.encode(prefix: "age", data: [UInt8](repeating: 1, count: 31))
        for text in [
            "", "age1", String(good.dropLast()) + "q", good + " ", " " + good, good.uppercased(), low, order1,
            short,
            Bech32.encode(prefix: "bge", data: [UInt8](repeating: 1, count: 32)), "ssh-ed25519 AAAA",
        ] {
            do {
                _ = try Member(name: "mallory", recipient: text)
                Issue.record("taken: \(text)")
            } catch {
                #expect(error.code == .badMember)
                #expect(error.context.contains("mallory"))
                #expect(text.isEmpty || !error.context.contains(text))
            }
        }
    }

    @Test func `environments' names follow the rule`() {
        for name in ["a", "prod", "eu-west-1", "0", String(repeating: "a", count: 32)] {
            #expect(keyringCode { try EnvironmentName.check(name) } == nil)
        }
        for name in [
            "", "-a", "a-", "Prod", "a_b", "a.b", "a/b", "..", "é", String(repeating: "a", count: 33), "a\n",
        ] {
            #expect(keyringCode { try EnvironmentName.check(name) } == .badEnvironmentName)
        }
    }
}
