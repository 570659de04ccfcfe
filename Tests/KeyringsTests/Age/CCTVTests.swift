import Encodings
import Sodium
import Support
import Testing

@testable import Keyrings

/// The age test vectors of C2SP/CCTV: the class of each failure, and the digest of all plaintext released.
@Suite(.enabled(if: Vectors.areExpected("age-cctv"), "\(Vectors.absence)"))
struct CCTVTests {
    /// One vector file: its header lines and the age file.
    struct Vector {
        let fields: [(key: String, value: String)]
        let file: [UInt8]

        init(_ name: String) throws {
            var rest = try #require(Vectors.bytes("age-cctv/\(name)"))[...]
            var fields: [(String, String)] = []
            while let end = rest.firstIndex(of: 0x0A) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest = rest[(end + 1)...]
                guard !line.isEmpty else { break }
                let colon = try #require(line.firstIndex(of: ":"))
                fields.append((String(line[..<colon]), String(line[colon...].dropFirst(2))))
            }
            self.fields = fields
            file = fields.contains { $0.0 == "compressed" } ? Inflate.zlib(Array(rest)) : Array(rest)
        }

        func values(_ key: String) -> [String] { fields.filter { $0.key == key }.map(\.value) }
        var isArmored: Bool { !values("armored").isEmpty }
        var expectation: String { values("expect").first ?? "" }
        var isPostQuantum: Bool { values("identity").contains { $0.hasPrefix("AGE-SECRET-KEY-PQ-") } }

        func identities() throws -> [any AgeIdentity] {
            var identities: [any AgeIdentity] = []
            for value in values("identity") {
                identities.append(
                    try SecretBytes(value).withBytes { (text) throws in try X25519Identity(text: text) })
            }
            return identities + values("passphrase").map { ScryptIdentity(passphrase: SecretBytes($0)) }
        }

        func fileKey() throws -> FileKey {
            FileKey(SecretBytes(try Hex.decode(try #require(values("file key").first))))
        }
    }

    static let names = Vectors.names(in: "age-cctv")
    static let classes: [AgeError.Code: String] = [
        .header: "header failure", .version: "header failure", .armor: "armor failure", .noMatch: "no match",
        .hmac: "HMAC failure", .payload: "payload failure",
    ]

    @Test func `all files are here, and only post-quantum identities are left out`() throws {
        let vectors = try Self.names.map { try Vector($0) }
        let skipped = vectors.filter(\.isPostQuantum).count
        print("age-cctv: \(vectors.count) files, \(skipped) with a post-quantum identity are left out")
        #expect(vectors.count == 143)
        #expect(skipped == 19)
    }

    @Test(arguments: names) func `a file gives the stated class and releases the stated plaintext`(
        name: String
    ) throws {
        let vector = try Vector(name)
        guard !vector.isPostQuantum else { return }
        let pieces = vector.file.count < 4_096 ? [.max, 1, 17] : [.max, 4_093, 65_552]
        for pieceByteCount in pieces {
            let result = attempt(
                vector.file, try vector.identities(), armored: vector.isArmored,
                pieceByteCount: pieceByteCount)
            let outcome = result.code.map { Self.classes[$0] ?? "\($0)" } ?? "success"
            #expect(outcome == vector.expectation, "\(name) in pieces of \(pieceByteCount)")
            guard let digest = vector.values("payload").first else { continue }
            #expect(
                Hex.encode(SHA256.hash(result.released)) == digest, "\(name) in pieces of \(pieceByteCount)")
        }
    }

    @Test(arguments: names) func `what parses encodes to the same bytes`(name: String) throws {
        let vector = try Vector(name)
        if vector.isArmored {
            guard vector.expectation != "armor failure" else { return }
            let text = vector.file.filter { $0 != 0x0D }
            let trimmed = text.drop { $0 == 0x0A || $0 == 0x20 || $0 == 0x09 }
            let end = (trimmed.lastIndex { $0 == 0x2D } ?? trimmed.startIndex) + 1
            #expect(Armor.encode(try Armor.decode(vector.file)) == Array(trimmed[..<end]) + [0x0A])
            return
        }
        guard vector.expectation != "header failure" else { return }
        let header = try vector.file.withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
        #expect(vector.file.starts(with: header.encoded))
        let mac = Base64.unpadded.encodeBytes(header.mac)
        let encoded = AgeHeader.intro + header.stanzas.flatMap(\.encoded) + Array("--- ".utf8) + mac + [0x0A]
        #expect(encoded == header.encoded)
    }

    @Test(arguments: names) func `a payload encrypts to the same bytes under its key and nonce`(
        name: String
    ) throws {
        let vector = try Vector(name)
        guard vector.expectation == "success", !vector.isArmored, !vector.values("file key").isEmpty else {
            return
        }
        let header = try vector.file.withBytes { (bytes) throws in try AgeHeader(parsing: bytes) }
        let plaintext = attempt(vector.file, [KnownFileKey(try vector.fileKey())])
        #expect(plaintext.code == nil)
        let nonce = Array(vector.file[header.encoded.count...].prefix(16))
        let encryptor = AgeEncryptor(fileKey: try vector.fileKey(), header: header, nonce: nonce)
        let file = try Self.encrypt(plaintext.released, with: encryptor, pieceByteCount: 50_000)
        #expect(file == vector.file)
        let rebuilt = try AgeHeader(stanzas: header.stanzas, fileKey: try vector.fileKey())
        #expect(rebuilt == header)
    }

    static func encrypt(
        _ plaintext: [UInt8], with encryptor: consuming AgeEncryptor, pieceByteCount: Int
    ) throws -> [UInt8] {
        var file: [UInt8] = []
        var rest = plaintext[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieceByteCount))
            rest = rest.dropFirst(piece.count)
            try piece.withBytes { (bytes) throws in try encryptor.update(bytes) { file += $0.array } }
        }
        try encryptor.finish { file += $0.array }
        return file
    }
}
