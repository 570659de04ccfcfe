import Testing

@testable import Encodings

/// The code of the `EncodingError` that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> EncodingError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? EncodingError)?.code
    }
}

@Suite struct HexTests {
    @Test func `every byte has one text`() throws {
        let all = (0...255).map { UInt8($0) }
        let text = Hex.encode(all)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
        #expect(try Hex.decode(text) == all)
        #expect(try Hex.decode("").isEmpty)
    }

    @Test(arguments: ["AB", "aB", "0x", "g0", " 0", "0\n", "+1", "-1", "é"]) func `other digits are refused`(
        text: String
    ) {
        #expect(code { _ = try Hex.decode(text) } == .invalidCharacter)
    }

    @Test(arguments: ["a", "abc"]) func `half a byte is refused`(text: String) {
        #expect(code { _ = try Hex.decode(text) } == .wrongLength)
    }
}

@Suite struct Base64Tests {
    private static let kinds = [Base64.standard, Base64.unpadded, Base64.url]

    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]) func `the published texts are made and read`(plain: String, text: String) throws {
        let bytes = Array(plain.utf8)
        let bare = text.filter { $0 != "=" }
        #expect(Base64.standard.encode(bytes) == text)
        #expect(Base64.unpadded.encode(bytes) == bare)
        #expect(Base64.url.encode(bytes) == bare)
        #expect(try Base64.standard.decode(text) == bytes)
        #expect(try Base64.unpadded.decode(bare) == bytes)
        #expect(try Base64.url.decode(bare) == bytes)
    }

    @Test func `the alphabets differ in two characters`() throws {
        let bytes: [UInt8] = [0xFB, 0xFF, 0xBF]
        #expect(Base64.standard.encode(bytes) == "+/+/")
        #expect(Base64.url.encode(bytes) == "-_-_")
        #expect(code { _ = try Base64.standard.decode("-_-_") } == .invalidCharacter)
        #expect(code { _ = try Base64.url.decode("+/+/") } == .invalidCharacter)
    }

    @Test func `bytes of any length come back`() throws {
        for count in 0..<200 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            for kind in Self.kinds {
                let text = kind.encode(bytes)
                #expect(text.utf8.count == kind.encodedCount(count))
                #expect(try kind.decode(text) == bytes)
            }
        }
    }

    /// Every text of up to four characters of a small alphabet: what is read is exactly what would be written.
    @Test func `what is read encodes to the same text`() {
        let characters = Array("AQgw+-=/_ \nz".utf8)
        var texts: [[UInt8]] = [[]]
        for _ in 0..<4 { texts += texts.suffix(1 << 20).flatMap { text in characters.map { text + [$0] } } }
        for kind in Self.kinds {
            var taken = 0
            for text in Set(texts) {
                guard let bytes = try? kind.decode(text) else { continue }
                taken += 1
                #expect(kind.encodeBytes(bytes) == text)
            }
            #expect(taken > 50)
        }
    }

    @Test(arguments: [
        ("Zg=", EncodingError.Code.wrongLength), ("Zg", .wrongLength), ("Zg===", .wrongLength),
        ("Z===", .invalidCharacter),
        ("====", .invalidCharacter), ("Zh==", .nonCanonical), ("Zm9=", .nonCanonical),
        ("Zg==Zg==", .invalidCharacter),
        ("Zm9v\n", .wrongLength), ("Zm 9", .invalidCharacter), ("Zm9v====", .invalidCharacter),
        ("Z", .wrongLength),
    ]) func `padded text of another form is refused`(text: String, expected: EncodingError.Code) {
        #expect(code { _ = try Base64.standard.decode(text) } == expected)
    }

    @Test(arguments: [
        ("Zg==", EncodingError.Code.invalidCharacter), ("Zm8=", .invalidCharacter), ("Zh", .nonCanonical),
        ("Zm9", .nonCanonical), ("Z", .wrongLength), ("Zm9vY", .wrongLength), ("Zg\n", .invalidCharacter),
    ]) func `unpadded text of another form is refused`(text: String, expected: EncodingError.Code) {
        #expect(code { _ = try Base64.unpadded.decode(text) } == expected)
        #expect(code { _ = try Base64.url.decode(text) } == expected)
    }
}

@Suite struct Bech32Tests {
    /// BIP 173, "Test vectors": valid strings, in lower case, and the one that is valid but for the length limit.
    @Test(arguments: [
        ("a12uel5l", "a", 0),
        (
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0
        ),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
        ("11" + String(repeating: "q", count: 82) + "c8247j", "1", 51),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split", 30), ("?1ezyfcl", "?", 0),
        (
            "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
            "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0
        ),
    ]) func `the published strings are read in both cases, and written`(
        text: String, prefix: String, count: Int
    ) throws {
        for variant in [text, text.uppercased()] {
            let decoded = try Bech32.decode(Array(variant.utf8))
            #expect(decoded.prefix == prefix)
            #expect(decoded.data.count == count)
            #expect(Bech32.encode(prefix: prefix, data: decoded.data) == text)
        }
    }

    /// BIP 173, "Test vectors": invalid strings, and some more.
    private static let invalid: [([UInt8], EncodingError.Code)] = [
        ([0x80] + Array("1eym55h".utf8), .invalidCharacter),
        (Array("de1lg7wt".utf8) + [0xFF], .invalidCharacter),
        ([], .wrongLength),
    ]

    private static let invalidTexts: [(String, EncodingError.Code)] = [
        ("\u{20}1nwldj5", .invalidCharacter), ("\u{7F}1axkwrx", .invalidCharacter),
        ("pzry9x0s0muk", .wrongLength),
        ("1pzry9x0s0muk", .wrongLength), ("x1b4n0q5v", .invalidCharacter), ("li1dgmt3", .wrongLength),
        ("A1G7SGD8", .badChecksum), ("10a06t8", .wrongLength), ("1qzzfhee", .wrongLength),
        ("A12uEL5L", .mixedCase),
        ("a12UEL5L", .mixedCase), ("a12uel5m", .badChecksum), ("a12uel5l ", .invalidCharacter),
    ]

    @Test(arguments: invalid + invalidTexts.map { (Array($0.0.utf8), $0.1) })
    func `strings of another form are refused`(text: [UInt8], expected: EncodingError.Code) {
        #expect(code { _ = try Bech32.decode(text) } == expected)
    }

    @Test func `bytes of any length come back, and no changed character is read`() throws {
        for count in 0..<70 {
            let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 91 &+ 3) }
            let text = Bech32.encode(prefix: "age", data: data)
            #expect(text.utf8.count == Bech32.encodedCount(prefix: "age", byteCount: count))
            let decoded = try Bech32.decode(Array(text.utf8))
            #expect(decoded.data == data && decoded.prefix == "age")
            for index in text.utf8.indices {
                var changed = Array(text.utf8)
                let place = text.utf8.distance(from: text.utf8.startIndex, to: index)
                changed[place] = changed[place] == 0x71 ? 0x70 : 0x71
                let other = changed
                #expect(code { _ = try Bech32.decode(other) } != nil)
            }
        }
    }

    @Test func `padding that no encoder writes is refused`() {
        // Five, five, ten, fifteen and thirty bits: too many for padding, or padding that isn't zero.
        for text in ["a1q", "a1l", "a1qp", "a1qqq", "a1qqqqqq"] {
            let signed = Self.appendingChecksum(text)
            #expect(code { _ = try Bech32.decode(Array(signed.utf8)) } == .nonCanonical, "\(text)")
        }
        #expect(code { _ = try Bech32.decode(Array(Self.appendingChecksum("a1qy").utf8)) } == nil)
    }

    /// `text` (prefix, separator, data) with the six characters that make it valid, found by the linearity of the
    /// checksum: each is tried until the whole fits.
    private static func appendingChecksum(_ text: String) -> String {
        let charset = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l")
        let generator: [UInt32] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]
        let values =
            [UInt32(0x61 >> 5), 0, UInt32(0x61 & 31)]
            + text.dropFirst(2).map { UInt32(charset.firstIndex(of: $0) ?? 0) }
        var checksum: UInt32 = 1
        for value in values + [0, 0, 0, 0, 0, 0] {
            let top = checksum >> 25
            checksum = (checksum & 0x1FF_FFFF) << 5 ^ value
            for (bit, term) in generator.enumerated() where top >> UInt32(bit) & 1 == 1 { checksum ^= term }
        }
        checksum ^= 1
        return text + String((0..<6).map { charset[Int(checksum >> UInt32(5 * (5 - $0)) & 31)] })
    }
}
