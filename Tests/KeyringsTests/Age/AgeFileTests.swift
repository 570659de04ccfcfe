import Sodium
import Testing

@testable import Keyrings

@Suite struct AgeFileTests {
    /// Plaintext of `count` bytes in which no two chunks are alike.
    private static func plaintext(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &* 7 &+ $0 >> 16) }
    }

    private static func file(
        _ plaintext: [UInt8], to recipients: [any AgeRecipient], extraStanzas: [Stanza] = []
    ) throws -> [UInt8] {
        try Age.encrypt(SecretBytes(plaintext), to: recipients, extraStanzas: extraStanzas)
    }

    private static let chunk = 64 << 10

    @Test(arguments: [
        0, 1, 100, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, 2 * chunk + 1, 5 * chunk + 77,
    ])
    func `what is encrypted decrypts to the same bytes`(count: Int) throws {
        let plaintext = Self.plaintext(count)
        let own = identity(1)
        let file = try Self.file(plaintext, to: [own.recipient])
        for pieceByteCount in [.max, 1 << 16, 70_001] {
            let result = attempt(file, [own], pieceByteCount: pieceByteCount)
            #expect(result.code == nil)
            #expect(result.released == plaintext)
        }
        let whole = try Age.decrypt(file, with: [own])
        #expect(whole.array == plaintext)
        let armored = try Age.encrypt(SecretBytes(plaintext), to: [own.recipient], armored: true)
        let again = try Age.decrypt(armored, with: [own])
        #expect(again.array == plaintext)
        #expect(PayloadStream.plaintextByteCount(file.count - Self.headByteCount(file)) == count)
    }

    private static func headByteCount(_ file: [UInt8]) -> Int {
        let header = try? file.withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
        return (header?.encoded.count ?? 0) + 16
    }

    @Test func `pieces of any size encrypt to one file`() throws {
        let plaintext = Self.plaintext(3 * Self.chunk)
        let fileKey = FileKey()
        let stanza = try identity(1).recipient.wrap(fileKey, ephemeralInfo: "test")
        let header = try AgeHeader(stanzas: [stanza], fileKey: fileKey)
        let nonce = [UInt8](repeating: 9, count: 16)
        var files: Set<[UInt8]> = []
        for pieceByteCount in [1_000, Self.chunk - 1, Self.chunk, Self.chunk + 1, .max] {
            files.insert(
                try CCTVTests.encrypt(
                    plaintext, with: AgeEncryptor(fileKey: fileKey, header: header, nonce: nonce),
                    pieceByteCount: pieceByteCount))
        }
        #expect(files.count == 1)
    }

    @Test func `each of several recipients opens the file, others don't`() throws {
        let file = try Self.file([1, 2, 3], to: [identity(1).recipient, identity(2).recipient])
        for byte in [1, 2] as [UInt8] {
            #expect(attempt(file, [identity(9), identity(byte)]).released == [1, 2, 3])
        }
        let stranger = attempt(file, [identity(3)])
        #expect(stranger.code == .noMatch)
        #expect(stranger.released.isEmpty)
        #expect(attempt(file, []).code == .noMatch)
    }

    @Test func `a passphrase stands alone`() throws {
        let recipient = ScryptRecipient(passphrase: SecretBytes("open sesame"), logN: 2)
        let file = try Self.file([7], to: [recipient])
        #expect(
            attempt(file, [identity(1), ScryptIdentity(passphrase: SecretBytes("open sesame"))]).released == [
                7
            ])
        #expect(attempt(file, [ScryptIdentity(passphrase: SecretBytes("open sesamE"))]).code == .noMatch)
        let other = ScryptRecipient(passphrase: SecretBytes("b"), logN: 2)
        for mixed in [[recipient, identity(1).recipient], [recipient, other], [recipient, recipient]]
            as [[any AgeRecipient]]
        {
            #expect(ageCode { _ = try Self.file([7], to: mixed) } == .recipient)
        }
        let extra = Stanza(type: "extra", arguments: [], body: [])
        #expect(ageCode { _ = try Self.file([7], to: [recipient], extraStanzas: [extra]) } == .recipient)
    }

    @Test func `a file without a recipient is not written`() {
        let extra = Stanza(type: "extra", arguments: [], body: [])
        #expect(ageCode { _ = try Self.file([7], to: []) } == .recipient)
        #expect(ageCode { _ = try Self.file([7], to: [], extraStanzas: [extra]) } == .recipient)
    }

    @Test func `extra stanzas are kept, shown before anything is opened, and authenticated`() throws {
        let scope = Stanza(type: "strongroom-scope", arguments: [String(repeating: "A", count: 43)], body: [])
        let file = try Self.file([1], to: [identity(1).recipient], extraStanzas: [scope])
        var seen: [Stanza] = []
        var released: [UInt8] = []
        var decryptor = AgeDecryptor(identities: [identity(1)]) { seen = $0.stanzas }
        try file.withBytes { (bytes) throws in try decryptor.update(bytes) { released += $0.array } }
        try decryptor.finish { released += $0.array }
        #expect(released == [1])
        #expect(seen.map(\.type) == ["X25519", "strongroom-scope"])
        #expect(seen.last == scope)
        #expect(decryptor.header?.stanzas == seen)
        let text = Array("-> strongroom-scope AAAA".utf8)
        let place = try #require(file.indices.first { file[$0...].starts(with: text) })
        var changed = file
        changed[place + text.count - 1] = 0x42
        #expect(attempt(changed, [identity(1)]).code == .hmac)
    }

    @Test func `a caller's refusal of the header stops before any identity is asked`() throws {
        struct Refusal: Error {}
        final class Untouched: AgeIdentity {
            func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
                Issue.record("asked")
                return nil
            }
        }
        let file = try Self.file([1], to: [identity(1).recipient])
        var decryptor = AgeDecryptor(identities: [Untouched()]) { _ in throw Refusal() }
        for _ in 0..<2 {
            do throws(AgeError) {
                try file.withBytes { (bytes) throws(AgeError) in
                    try decryptor.update(bytes) { _ in Issue.record("released") }
                }
                Issue.record("accepted")
            } catch {
                #expect(error.code == .interrupted)
                #expect(error.underlying is Refusal)
            }
        }
    }

    @Test func `F026 a file cut at any length is refused, and nothing but whole chunks is released`() throws {
        let plaintext = Array("attack at dawn".utf8)
        let file = try Self.file(plaintext, to: [identity(1).recipient])
        let payload = Self.headByteCount(file)
        for count in 0..<file.count {
            let result = attempt(Array(file[..<count]), [identity(1)])
            #expect(result.code == (count < payload ? .header : .payload), "cut at \(count)")
            #expect(result.released.isEmpty)
            #expect(
                ageCode { _ = try Age.decrypt(Array(file[..<count]), with: [identity(1)]) } == result.code)
        }
    }

    @Test func `F026 a payload cut around its chunk borders is refused`() throws {
        let plaintext = Self.plaintext(2 * Self.chunk + 50)
        let file = try Self.file(plaintext, to: [identity(1).recipient])
        let payload = Self.headByteCount(file)
        let sealed = Self.chunk + 16
        for cut in [
            sealed - 1, sealed, sealed + 1, sealed + 16, sealed + 17, 2 * sealed - 1, 2 * sealed,
            2 * sealed + 16,
        ] {
            let result = attempt(Array(file[..<(payload + cut)]), [identity(1)])
            #expect(result.code == .payload, "cut at \(cut)")
            #expect(result.released == Array(plaintext[..<(cut / sealed * Self.chunk)]), "cut at \(cut)")
            #expect(
                ageCode { _ = try Age.decrypt(Array(file[..<(payload + cut)]), with: [identity(1)]) }
                    == .payload)
        }
    }

    @Test func `F026 chunks in another order, twice, or left out are refused`() throws {
        let plaintext = Self.plaintext(3 * Self.chunk + 50)
        let file = try Self.file(plaintext, to: [identity(1).recipient])
        let head = Array(file[..<Self.headByteCount(file)])
        let sealed = Self.chunk + 16
        let chunks = stride(from: head.count, to: file.count, by: sealed).map {
            Array(file[$0..<min(file.count, $0 + sealed)])
        }
        #expect(chunks.count == 4)
        let orders: [(order: [Int], released: Int)] = [
            ([1, 0, 2, 3], 0), ([0, 2, 1, 3], 1), ([0, 0, 1, 2, 3], 1), ([0, 2, 3], 1), ([0, 1, 3], 2),
            ([3], 0),
            ([0, 1, 2, 3, 3], 3), ([], 0),
        ]
        for (order, released) in orders {
            let result = attempt(head + order.flatMap { chunks[$0] }, [identity(1)])
            #expect(result.code == .payload, "\(order)")
            #expect(result.released == Array(plaintext[..<(released * Self.chunk)]), "\(order)")
        }
    }

    @Test func `F022: every flipped bit is refused, and nothing is released`() throws {
        let scope = Stanza(type: "strongroom-scope", arguments: [String(repeating: "A", count: 43)], body: [])
        let own = identity(1)
        let file = try Self.file(Array("attack at dawn".utf8), to: [own.recipient], extraStanzas: [scope])
        let payload = Self.headByteCount(file)
        for bit in 0..<(file.count * 8) {
            var changed = file
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            let result = attempt(changed, [own])
            let allowed: [AgeError.Code] =
                bit / 8 < payload - 16 ? [.header, .version, .noMatch, .hmac] : [.payload]
            #expect(
                result.code.map(allowed.contains) == true, "bit \(bit): \(String(describing: result.code))")
            #expect(result.released.isEmpty)
        }
    }

    @Test func `F022: recipients removed, added, reordered or duplicated are refused`() throws {
        let own = identity(1)
        let file = try Self.file([1], to: [own.recipient, identity(2).recipient])
        let header = try file.withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
        let rest = Array(file[header.encoded.count...])
        let mac = Array(header.encoded.suffix(45))
        let stranger = try identity(3).recipient.wrap(FileKey())[0]
        let (a, b) = (header.stanzas[0], header.stanzas[1])
        for stanzas in [[a], [b, a], [a, a, b], [a, b, stranger], [stranger, a, b]] {
            let changed = AgeHeader.intro + stanzas.flatMap(\.encoded) + AgeHeader.end + mac + rest
            #expect(attempt(changed, [own]).code == .hmac)
        }
        #expect(attempt(AgeHeader.intro + AgeHeader.end + mac + rest, [own]).code == .header)
    }

    @Test func `after an error the decryptor stays in it`() throws {
        var file = try Self.file(Self.plaintext(Self.chunk + 9), to: [identity(1).recipient])
        file[Self.headByteCount(file) + 5] ^= 1
        var decryptor = AgeDecryptor(identities: [identity(1)])
        var codes: [AgeError.Code?] = []
        codes.append(
            ageCodeOf { () throws in
                try file.withBytes { (bytes) throws in
                    try decryptor.update(bytes) { _ in Issue.record("released") }
                }
            })
        codes.append(
            ageCodeOf { () throws in
                try [1].withBytes { (bytes) throws in
                    try decryptor.update(bytes) { _ in Issue.record("released") }
                }
            })
        codes.append(ageCodeOf { () throws in try decryptor.finish { _ in Issue.record("released") } })
        #expect(codes == [.payload, .payload, .payload])
    }

    @Test func `a file above the limit is not opened into memory`() throws {
        let file = try Self.file(Self.plaintext(1_000), to: [identity(1).recipient])
        #expect(ageCode { _ = try Age.decrypt(file, with: [identity(1)], limit: 1_000) } == .limit)
    }

    /// As `ageCode`, for a closure that changes a decryptor.
    private func ageCodeOf(_ body: () throws -> Void) -> AgeError.Code? { ageCode(body) }
}
