import Encodings
import Sodium
import Testing

@testable import Keyrings

@Suite struct AgeHeaderTests {
    private static let share = String(repeating: "A", count: 43)
    private static let end = "--- " + share + "\n"
    private static let intro = "age-encryption.org/v1\n"

    private static func parse(_ text: String) throws -> AgeHeader {
        try Array(text.utf8).withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
    }

    @Test(arguments: [0, 1, 2, 3, 32, 47, 48, 49, 95, 96, 97, 480])
    func `a body of any length ends with a short line`(count: Int) throws {
        let stanza = Stanza(type: "t", arguments: ["a", "~!"], body: [UInt8](repeating: 0xA5, count: count))
        let text = String(decoding: stanza.encoded, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "-> t a ~!")
        #expect(lines.dropFirst().dropLast(2).allSatisfy { $0.count == 64 })
        #expect(lines[lines.count - 2].count < 64)
        let header = try Self.parse(Self.intro + text + Self.end)
        #expect(header.stanzas == [stanza])
        #expect(String(decoding: header.encoded, as: UTF8.self) == Self.intro + text + Self.end)
    }

    @Test func `what follows the header is left alone`() throws {
        let text = Self.intro + "-> t\n\n" + Self.end
        let header = try Self.parse(text + "-> t\n\n")
        #expect(header.encoded.count == text.utf8.count)
    }

    @Test(arguments: [
        "age-encryption.org/v2\n", "age-encryption.org/v1.1\n", "age-encryption.org/v11\n",
        "age-encryption.org/v\n",
        "age-encryption.org/x\n",
    ])
    func `F024 another version is told as such`(intro: String) {
        #expect(ageCode { _ = try Self.parse(intro + "-> t\n\n" + Self.end) } == .version)
    }

    @Test(arguments: [
        "", "a", "age-encryption.org", "age-encryption.org/\n", "age-encryption.org/v1",
        "age-encryption.org/v1\r\n",
        "age-encryption.org/v1 \n", " age-encryption.org/v1\n", "AGE-ENCRYPTION.ORG/v1\n",
        "\u{FEFF}age-encryption.org/v1\n",
        "age-encryption.org/v1\u{0}\n",
    ])
    func `a malformed first line is a malformed header`(intro: String) {
        #expect(ageCode { _ = try Self.parse(intro + "-> t\n\n" + Self.end) } == .header)
    }

    @Test(arguments: [
        "", "-> t\n\n", "->t\n\n" + end, "->  t\n\n" + end, "-> t \n\n" + end, "-> \n\n" + end,
        "->\n\n" + end,
        "-> t \u{E9}\n\n" + end, "-> t\ta\n\n" + end, "-> t\r\n\r\n" + end, "-> t\n" + end, "-> t\nA\n" + end,
        "-> t\nAB\n" + end, "-> t\nAA==\n" + end, "-> t\nA-\n" + end, "-> t\n\n\n" + end, "-> t\n \n" + end,
        "-> t\nAA\nAA\n" + end, "-> t\n\n---\n", "-> t\n\n--- \n", "-> t\n\n---" + share + "\n",
        "-> t\n\n---  " + share + "\n", "-> t\n\n--- " + share + " \n", "-> t\n\n--- " + share + "A\n",
        "-> t\n\n--- " + share + "=\n", "-> t\n\n--- " + String(repeating: "A", count: 42) + "B\n", end,
        "-> scrypt a 1\n\n-> t\n\n" + end, "-> t\n\n-> scrypt a 1\n\n" + end,
        "-> t\n" + String(repeating: "A", count: 65) + "\n\n" + end, "-> t\n\n-- " + share + "\n",
    ])
    func `a header of any other form is malformed`(rest: String) {
        #expect(ageCode { _ = try Self.parse(Self.intro + rest) } == .header)
    }

    @Test func `F023 too many recipients and too long stanzas are refused while they are read`() throws {
        let many = String(repeating: "-> t\n\n", count: 10_000)
        #expect(ageCode { _ = try Self.parse(Self.intro + many + Self.end) } == .limit)
        let long =
            "-> t\n" + String(repeating: String(repeating: "A", count: 64) + "\n", count: 1 << 14) + "\n"
        #expect(ageCode { _ = try Self.parse(Self.intro + long + Self.end) } == .limit)
        let wide = "-> t " + String(repeating: "a", count: 1 << 20) + "\n\n"
        #expect(ageCode { _ = try Self.parse(Self.intro + wide + Self.end) } == .limit)
        let most = String(repeating: "-> t\n\n", count: AgeHeader.stanzaLimit)
        #expect(try Self.parse(Self.intro + most + Self.end).stanzas.count == AgeHeader.stanzaLimit)
        #expect(ageCode { _ = try Self.parse(Self.intro + most + "-> t\n\n" + Self.end) } == .limit)
        let stanza = Stanza(type: "t", arguments: [], body: [])
        let tooMany = [Stanza](repeating: stanza, count: AgeHeader.stanzaLimit + 1)
        #expect(ageCode { _ = try AgeHeader(stanzas: tooMany, fileKey: FileKey()) } == .limit)
    }

    @Test func `a header in pieces is the header in one piece`() throws {
        let text = Array((Self.intro + "-> t a\nAAAA\n-> u\n\n" + Self.end + "payload").utf8)
        let whole = try text.withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
        for size in 1...text.count {
            var parser = AgeHeaderParser()
            var taken = 0
            for start in stride(from: 0, to: text.count, by: size) {
                let piece = Array(text[start..<min(start + size, text.count)])
                taken += try piece.withBytes { (bytes) throws in try parser.push(bytes) }
            }
            #expect(taken == text.count - 7)
            #expect(try parser.finish() == whole)
        }
    }

    /// A file key and the stanza that carries it to `identity(1)`, with other arguments or another body.
    private static func unwrap(arguments: [String]? = nil, body: [UInt8]? = nil) throws -> Bool {
        let stanza = try identity(1).recipient.wrap(FileKey())[0]
        let changed = Stanza(
            type: stanza.type, arguments: arguments ?? stanza.arguments, body: body ?? stanza.body)
        let fileKey = try identity(1).unwrap([changed])
        return fileKey != nil
    }

    @Test func `F027 an X25519 stanza of another form is malformed, not another's`() throws {
        #expect(try Self.unwrap())
        #expect(try !Self.unwrap(body: [UInt8](repeating: 0, count: 32)))
        let wrong: [[String]] = [
            [], [Self.share, Self.share], [Self.share + "="], [String(repeating: "A", count: 42) + "B"],
            [String(repeating: "A", count: 42)], [String(repeating: "A", count: 44)],
            // The shares 0 and 1, and one of order eight.
            [Self.share], ["AQ" + String(repeating: "A", count: 41)],
            ["X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEdc"],
        ]
        for arguments in wrong {
            #expect(ageCode { _ = try Self.unwrap(arguments: arguments) } == .header, "\(arguments)")
        }
        for count in [0, 31, 33, 48] {
            let body = [UInt8](repeating: 0, count: count)
            #expect(ageCode { _ = try Self.unwrap(body: body) } == .header)
        }
    }

    @Test func `F033: work factors outside of 1 to 22 are malformed`() throws {
        let wrapping = ScryptIdentity(passphrase: SecretBytes("p"))
        let salt = String(repeating: "A", count: 22)
        let wrong = [
            "0", "23", "100", "9223372036854775808", "18446744073709551616", "-1", "+1", "01", "1 ", "0x1",
            "1e1", "",
            "\u{0661}",
        ]
        for factor in wrong where Stanza.isArgument(Array(factor.utf8)) {
            let stanza = Stanza(
                type: "scrypt", arguments: [salt, factor], body: [UInt8](repeating: 0, count: 32))
            #expect(ageCode { _ = try wrapping.unwrap([stanza]) } == .header, "\(factor)")
        }
        let one = Stanza(type: "scrypt", arguments: [salt, "1"], body: [UInt8](repeating: 0, count: 32))
        let opened = try wrapping.unwrap([one])
        let isOpen = opened != nil
        #expect(!isOpen)
    }

    @Test func `a stanza from the derived ephemeral secret can be made again`() throws {
        let fileKey = FileKey()
        let recipient = identity(4).recipient
        let first = try recipient.wrap(fileKey, ephemeralInfo: "strongroom/keyring-ephemeral/v1")
        #expect(try recipient.wrap(fileKey, ephemeralInfo: "strongroom/keyring-ephemeral/v1") == first)
        #expect(try recipient.wrap(fileKey, ephemeralInfo: "other") != first)
        #expect(try recipient.wrap(FileKey(), ephemeralInfo: "strongroom/keyring-ephemeral/v1") != first)
        #expect(
            try identity(5).recipient.wrap(fileKey, ephemeralInfo: "strongroom/keyring-ephemeral/v1") != first
        )
        let ephemeral = fileKey.derive(salt: recipient.publicKey, info: "strongroom/keyring-ephemeral/v1")
        #expect(first.arguments == [Base64.unpadded.encode(X25519.publicKey(of: ephemeral))])
        let opened = try identity(4).unwrap([first])
        let isSame = opened?.isEqual(to: fileKey)
        #expect(isSame == true)
    }
}
