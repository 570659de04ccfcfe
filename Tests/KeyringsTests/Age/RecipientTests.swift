import Encodings
import Sodium
import Testing

@testable import Keyrings

@Suite struct RecipientTests {
    /// The example pair of C2SP age.md.
    private static let secretText =
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    private static let publicText = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

    private static func parse(_ text: String) throws -> X25519Identity {
        try SecretBytes(text).withBytes { (bytes) throws in try X25519Identity(text: bytes) }
    }

    @Test func `the specification's pair is read and written`() throws {
        let identity = try Self.parse(Self.secretText)
        #expect(identity.recipient.text == Self.publicText)
        let encoded = identity.encoded()
        #expect(encoded.array == Array(Self.secretText.utf8))
        #expect(identity.withSecret { $0.array } == [UInt8](repeating: 0x42, count: 32))
        #expect(try X25519Recipient(text: Self.publicText) == identity.recipient)
    }

    @Test func `new identities differ and read back`() throws {
        let first = X25519Identity.generate()
        let second = X25519Identity.generate()
        #expect(first.recipient != second.recipient)
        let text = first.encoded()
        let again = try text.withBytes { (bytes) throws in try X25519Identity(text: bytes) }
        #expect(again.recipient == first.recipient)
    }

    @Test func `F004: each malformed recipient is refused and says why`() throws {
        let short = Bech32.encode(prefix: "age", data: [UInt8](repeating: 7, count: 31))
        let long = Bech32.encode(prefix: "age", data: [UInt8](repeating: 7, count: 33))
        let zero = Bech32.encode(prefix: "age", data: [UInt8](repeating: 0, count: 32))
        let order8 = try Base64.unpadded.decode("X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEdc")
        let lowOrder = Bech32.encode(prefix: "age", data: order8)
        let cases: [(text: String, reason: String)] = [
            ("", "malformed"), (String(Self.publicText.dropLast()), "checksum"),
            (Self.publicText + "j", "checksum"),
            (Self.publicText.replacing("age1z", with: "age1q"), "checksum"), (short, "31 bytes"),
            (long, "33 bytes"),
            (Self.publicText + " ", "white space"), (" " + Self.publicText, "white space"),
            (Self.publicText + "\n", "white space"), (zero, "low order"), (lowOrder, "low order"),
            (Self.publicText.uppercased(), "upper case"), ("Age1" + Self.publicText.dropFirst(4), "case"),
            (Self.secretText, "identity"), (Bech32.encode(prefix: "age1pq", data: [1]), "unknown kind"),
            (Bech32.encode(prefix: "bc", data: [UInt8](repeating: 7, count: 32)), "unknown kind"),
            ("ssh-ed25519", "malformed"),
        ]
        for (text, reason) in cases {
            do throws(AgeError) {
                _ = try X25519Recipient(text: text)
                Issue.record("accepted: \(text)")
            } catch {
                #expect(error.code == .recipient)
                #expect(error.context.contains(reason), "\(text): \(error.context)")
                #expect(text.isEmpty || !error.context.contains(text))
            }
        }
    }

    @Test func `every flipped bit of a recipient or an identity is refused`() throws {
        for bit in 0..<(Self.publicText.utf8.count * 8) {
            var text = Array(Self.publicText.utf8)
            text[bit / 8] ^= 1 << UInt8(bit % 8)
            let changed = text
            #expect(ageCode { _ = try X25519Recipient(text: changed) } == .recipient, "bit \(bit)")
        }
        for bit in 0..<(Self.secretText.utf8.count * 8) {
            var text = Array(Self.secretText.utf8)
            text[bit / 8] ^= 1 << UInt8(bit % 8)
            let secret = SecretBytes(text)
            let code = ageCode {
                try secret.withBytes { (bytes) throws in _ = try X25519Identity(text: bytes) }
            }
            #expect(code == .identity, "bit \(bit)")
        }
    }

    @Test func `identities of another form are refused`() {
        for text in [
            "", Self.publicText, Self.secretText.lowercased(), Self.secretText + "\n", " " + Self.secretText,
        ] {
            #expect(ageCode { _ = try Self.parse(text) } == .identity)
        }
        for count in [0, 31, 33, 64] {
            let text = Bech32.encode(prefix: "age-secret-key-", data: [UInt8](repeating: 7, count: count))
                .uppercased()
            #expect(ageCode { _ = try Self.parse(text) } == .identity)
        }
    }

    @Test func `derived keys depend on the identity and the purpose`() {
        let derived = identity(1).derive(info: "a")
        #expect(derived.byteCount == 32)
        let isRepeated = derived.isEqual(to: identity(1).derive(info: "a"))
        let isOther =
            derived.isEqual(to: identity(1).derive(info: "b"))
            || derived.isEqual(to: identity(2).derive(info: "a"))
        #expect(isRepeated)
        #expect(!isOther)
    }
}
