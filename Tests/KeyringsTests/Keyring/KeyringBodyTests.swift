import Encodings
import Sodium
import Testing

@testable import Keyrings

@Suite struct KeyringBodyTests {
    private let ada: Member
    private let bob: Member

    private init() throws {
        ada = try member("ada", 1)
        bob = try member("bob", 2, roles: [.drill, .escrow], firstEpoch: 3)
    }

    private func body() throws -> KeyringBody {
        try KeyringBody(
            members: [ada, bob],
            epochs: [
                epoch(1, 21, .closed, [ada]), epoch(3, 23, .closed, [ada, bob]),
                epoch(4, 24, .open, [ada, bob]),
            ])
    }

    @Test func `the body of FORMAT md decodes to what the text says and encodes to the same bytes`() throws {
        let bytes = try Vector.body.bytes
        let body = try KeyringBody(bytes: bytes)
        #expect(body.members == [try member("ada", 0x11, roles: [.drill])])
        #expect(
            body.epochs == [
                KeyEpoch(
                    number: 1, recipient: identity(0x22).recipient, state: .open,
                    wrappedIdentity: try Vector.wrappedIdentity.bytes)
            ])
        #expect(body.bytes == bytes)
        #expect(BLAKE2b.hash(bytes) == (try Vector.bodyHash.bytes))
    }

    @Test func `what parses re-encodes to the same bytes`() throws {
        let body = try body()
        let parsed = try KeyringBody(bytes: body.bytes)
        #expect(parsed == body)
        #expect(parsed.bytes == body.bytes)
        #expect(parsed.members[1].roles == [.escrow, .drill])
        #expect(parsed.readers(of: 1) == [ada])
        #expect(parsed.readers(of: 3) == [ada, bob])
    }

    @Test func `a truncated body and one with bytes after it are refused`() throws {
        let bytes = try body().bytes
        for length in 0..<bytes.count {
            #expect(keyringCode { _ = try KeyringBody(bytes: Array(bytes[..<length])) } != nil)
        }
        #expect(keyringCode { _ = try KeyringBody(bytes: bytes + [0]) } == .malformed)
    }

    @Test func `a flipped bit gives no body or another one with its own bytes`() throws {
        let bytes = try body().bytes
        for offset in bytes.indices {
            var changed = bytes
            changed[offset] ^= 1 << UInt8(offset % 8)
            guard let other = try? KeyringBody(bytes: changed) else { continue }
            #expect(other.bytes == changed)
        }
    }

    @Test func `codes that are not known are refused as unsupported`() throws {
        let bytes = try Vector.body.bytes
        // Offsets by FORMAT.md §2: after the domain (30), the count (4), name (7), recipient (66), count (4).
        let role = 30 + 4 + 7 + 66 + 4 + 7
        let suite = role + 1 + 8 + 4 + 8 + 7
        let state = suite + 1 + 36 + 7
        for (offset, old) in [(role, 2), (suite, 1), (state, 1)] as [(Int, UInt8)] {
            var changed = bytes
            #expect(changed[offset] == old)
            changed[offset] = 9
            #expect(keyringCode { _ = try KeyringBody(bytes: changed) } == .unsupported)
        }
    }

    @Test func `members that repeat, read nothing or are missing are refused`() throws {
        let epochs = [try epoch(1, 21, .open, [ada])]
        func code(_ members: [Member]) -> KeyringError.Code? {
            keyringCode { _ = try KeyringBody(members: members, epochs: epochs) }
        }
        #expect(code([ada]) == nil)
        #expect(code([]) == .badMember)
        #expect(code([ada, ada]) == .badMember)
        #expect(code([ada, try member("ada", 2)]) == .badMember)
        #expect(code([ada, try member("eve", 1)]) == .badMember)
        #expect(code([ada, try member("eve", 2, firstEpoch: 2)]) == .badMember)
        #expect(code([ada, try member("eve", 21)]) == .badMember)
        let many = try (0..<513).map { number in
            try Member(name: "m\(number)", recipient: .x25519(X25519Identity.generate().recipient))
        }
        #expect(code(many) == .badMember)
    }

    @Test func `epochs out of order, without a reader or not with one open at the end are refused`() throws {
        func code(_ epochs: [KeyEpoch], _ members: [Member]? = nil) -> KeyringError.Code? {
            keyringCode { _ = try KeyringBody(members: members ?? [ada], epochs: epochs) }
        }
        let (one, two) = (try epoch(1, 21, .closed, [ada]), try epoch(2, 22, .open, [ada]))
        #expect(code([one, two]) == nil)
        #expect(code([two, one]) == .malformed)
        #expect(code([one]) == .malformed)
        #expect(code([one, one, two]) == .malformed)
        #expect(code([try epoch(1, 21, .open, [ada]), two]) == .malformed)
        #expect(code([try epoch(0, 21, .closed, [ada]), two]) == .malformed)
        #expect(code([one, try epoch(1 << 32, 22, .open, [ada])]) == .malformed)
        #expect(code([one, try epoch(2, 21, .open, [ada])]) == .malformed)
        #expect(code([one, two], [try member("ada", 1, firstEpoch: 2)]) == .malformed)
        #expect(keyringCode { _ = try KeyringBody(members: [ada], epochs: []) } == .badMember)
    }

    @Test func `a stanza more or less than there are readers is seen without a key`() throws {
        func code(_ readers: [Member]) throws -> KeyringError.Code? {
            let epoch = try epoch(1, 21, .open, readers)
            let bob = try member("bob", 2)
            return keyringCode { _ = try KeyringBody(members: [ada, bob], epochs: [epoch]) }
        }
        let (bob, eve) = (try member("bob", 2), try member("eve", 66))
        #expect(try code([ada, bob]) == nil)
        #expect(try code([ada]) == .malformed)
        #expect(try code([ada, bob, eve]) == .malformed)
        // Stanzas of other types and other content are seen as well.
        for file in [
            try Age.encrypt(
                identity(21).encoded(), to: [ada.recipient.ageRecipient],
                extraStanzas: [Stanza(type: "grease", arguments: [], body: [])]),
            try Age.encrypt(
                SecretBytes("something else"), to: [ada.recipient.ageRecipient, bob.recipient.ageRecipient]),
            [],
        ] {
            let epoch = KeyEpoch(
                number: 1, recipient: identity(21).recipient, state: .open, wrappedIdentity: file)
            #expect(
                keyringCode { _ = try KeyringBody(members: [ada, bob], epochs: [epoch]) } == .malformed)
        }
    }
}
