import Encodings
import SSH
import Testing
import Trust

@Suite struct GenerationHeaderTests {
    private let admins = [Admins.publicKey(1), Admins.publicKey(2)].sorted()

    private func header(
        subject: String = "prod", generation: UInt64 = 2, previous: UInt8 = 7, threshold: UInt64 = 2,
        admins: [SSHPublicKey]? = nil, hashByteCount: Int = 32
    ) throws(TrustError) -> GenerationHeader {
        try GenerationHeader(
            purpose: .keyring, subject: subject, generation: generation,
            previous: [UInt8](repeating: previous, count: hashByteCount), threshold: threshold,
            admins: admins ?? self.admins, bodyHash: [UInt8](repeating: 9, count: 32))
    }

    /// FORMAT.md §6, first vector.
    @Test func `the first header's bytes and fingerprint are those of FORMAT md`() throws {
        let header = try GenerationHeader(
            first: .keyring, subject: "prod", admins: [Admins.publicKey(1)], body: Array("body".utf8))
        let expected =
            "0000001c7374726f6e67726f6f6d2f6b657972696e672d6865616465722f7631"  // domain
            + "0000000470726f64" + "0000000000000001"  // environment, generation
            + "00000020" + String(repeating: "00", count: 32)  // previous
            + "0000000000000001" + "00000001"  // threshold, number of admins
            + "00000033" + "0000000b7373682d65643235353139"
            + "000000208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
            + "00000020" + "bfc4d85b5328076166b7e3779b2dde9c0a2dde14eb0c5fc827cc4201d7fdabf1"  // H(body)
        #expect(Hex.encode(header.bytes) == expected)
        #expect(
            header.fingerprint.description
                == "12c9009b93d8b012efda46b60af4d590480df34d0d10a163d667eedb7ef750dd")
    }

    @Test func `what parses re-encodes to the same bytes`() throws {
        let header = try header()
        let parsed = try GenerationHeader(bytes: header.bytes, purpose: .keyring)
        #expect(parsed == header)
        #expect(parsed.bytes == header.bytes)
    }

    @Test func `a truncated header and one with bytes after it are refused`() throws {
        let bytes = try header().bytes
        for length in 0..<bytes.count {
            #expect(
                code { () throws(TrustError) in
                    _ = try GenerationHeader(bytes: Array(bytes[..<length]), purpose: .keyring)
                } != nil)
        }
        #expect(
            code { () throws(TrustError) in _ = try GenerationHeader(bytes: bytes + [0], purpose: .keyring) }
                == .malformed)
    }

    @Test func `a flipped bit gives no header or another one with its own bytes`() throws {
        let header = try header()
        for offset in header.bytes.indices {
            for bit in 0..<8 {
                var bytes = header.bytes
                bytes[offset] ^= 1 << UInt8(bit)
                guard let other = try? GenerationHeader(bytes: bytes, purpose: .keyring) else { continue }
                #expect(other.bytes == bytes)
                #expect(other.fingerprint != header.fingerprint)
            }
        }
    }

    @Test func `another purpose's header is refused`() throws {
        let bytes = try header().bytes
        #expect(
            code { () throws(TrustError) in _ = try GenerationHeader(bytes: bytes, purpose: .store) }
                == .wrongSubject)
    }

    @Test func `fields that contradict each other are refused`() throws {
        let zeros: UInt8 = 0
        #expect(code { () throws(TrustError) in _ = try header(subject: "") } == .malformed)
        #expect(
            code { () throws(TrustError) in _ = try header(subject: String(repeating: "a", count: 256)) }
                == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(generation: 0) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(generation: 1) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(previous: zeros) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(threshold: 0) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(threshold: 3) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(admins: []) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(admins: admins.reversed()) } == .malformed)
        #expect(
            code { () throws(TrustError) in _ = try header(admins: [admins[0], admins[0]]) } == .malformed)
        #expect(code { () throws(TrustError) in _ = try header(hashByteCount: 31) } == .malformed)
    }

    @Test func `a made header sorts its admins and drops repeated ones`() throws {
        let header = try GenerationHeader(
            first: .keyring, subject: "prod", admins: admins.reversed() + admins, body: [])
        #expect(header.admins == admins)
    }

    @Test func `a fingerprint is read only from 64 lower-case hex digits`() throws {
        let fingerprint = try header().fingerprint
        #expect(try Fingerprint(text: fingerprint.description) == fingerprint)
        #expect(fingerprint.short.utf8.count == 19)
        #expect(fingerprint.description.hasPrefix(fingerprint.short.prefix(4)))
        let text = fingerprint.description
        for bad in [
            "", String(text.dropLast()), text + "00", text + "0", fingerprint.short, " " + text,
            "G" + text.dropFirst(),
        ] {
            #expect(code { () throws(TrustError) in _ = try Fingerprint(text: bad) } == .badFingerprint)
        }
    }
}
