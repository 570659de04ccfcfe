internal import Encodings

/// One detached OpenPGP signature in its armor (RFC 9580 §6.2, §5.2; RFC 4880), read as far as it takes to know that
/// gpgv is handed exactly one signature, over binary data, of version 4 and with SHA-2.
///
/// The armor: BEGIN line; header lines; an empty line; base64 in lines of at most 76 characters; the CRC-24, which may
/// be missing; END line; at most one more empty line, as some forges leave it. Nothing before, between or after.
struct OpenPGPArmor {
    /// How a signature's armor begins.
    static let begin = Array("-----BEGIN PGP SIGNATURE-----\n".utf8)
    private static let end = Array("-----END PGP SIGNATURE-----".utf8)
    /// More than any signature with its notations takes.
    static let byteLimit = 1 << 16

    /// The one signature packet.
    let packet: [UInt8]

    /// Reads `text`; nil where it is anything else.
    init?(_ text: [UInt8]) {
        guard text.count <= OpenPGPArmor.byteLimit, text.starts(with: OpenPGPArmor.begin) else { return nil }
        var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)[...].dropFirst()
        for _ in 0..<2 where lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.popLast()?.elementsEqual(OpenPGPArmor.end) == true,
            let gap = lines.firstIndex(where: \.isEmpty), lines[..<gap].allSatisfy(OpenPGPArmor.isHeader)
        else { return nil }
        var body = lines[(gap + 1)...]
        var sum: [UInt8]?
        if let last = body.last, last.first == 0x3D, last.count == 5 {
            sum = try? Base64.standard.decode(Array(last.dropFirst()))
            guard sum != nil else { return nil }
            body.removeLast()
        }
        guard !body.isEmpty, body.allSatisfy({ (1...76).contains($0.count) }),
            let bytes = try? Base64.standard.decode(Array(body.joined())),
            sum == nil || sum == OpenPGPArmor.checksum(bytes), OpenPGPArmor.isOneSignature(bytes)
        else { return nil }
        packet = bytes
    }

    /// `Key: value` of visible ASCII and spaces.
    private static func isHeader(_ line: ArraySlice<UInt8>) -> Bool {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else { return false }
        return line[(colon + 1)...].first == 0x20 && line.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// CRC-24 (RFC 9580 §6.1.1), big-endian.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        var sum: UInt32 = 0xB7_04CE
        for byte in bytes {
            sum ^= UInt32(byte) << 16
            for _ in 0..<8 {
                sum <<= 1
                if sum & 0x100_0000 != 0 { sum ^= 0x186_4CFB }
            }
        }
        return [16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
    }

    /// Whether `bytes` are one packet of type 2 and no more, and that a signature of version 4 over binary data, by
    /// RSA, ECDSA or EdDSA, with SHA-256, SHA-384 or SHA-512.
    private static func isOneSignature(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 2, let content = content(bytes) else { return false }
        let head = content.prefix(4)
        guard head.count == 4, Array(head.prefix(2)) == [4, 0x00] else { return false }
        return [1, 19, 22].contains(head[head.startIndex + 2])
            && [8, 9, 10].contains(head[head.startIndex + 3])
    }

    /// The content of a packet of type 2 whose length is that of the bytes (RFC 9580 §4.2); nil for any other.
    private static func content(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let lengthBytes: Int
        switch bytes[0] {
        case 0x88: lengthBytes = 1
        case 0x89: lengthBytes = 2
        case 0x8A: lengthBytes = 4
        case 0xC2:
            // The new form has lengths of one, two and five bytes; partial ones are not for signatures.
            let first = Int(bytes[1])
            if first < 192 { return first == bytes.count - 2 ? bytes[2...] : nil }
            if first < 224, bytes.count > 3 {
                let length = (first - 192) << 8 + Int(bytes[2]) + 192
                return length == bytes.count - 3 ? bytes[3...] : nil
            }
            guard first == 255, bytes.count > 6 else { return nil }
            return number(bytes[2..<6]) == bytes.count - 6 ? bytes[6...] : nil
        default: return nil
        }
        guard bytes.count > 1 + lengthBytes else { return nil }
        let start = 1 + lengthBytes
        return number(bytes[1..<start]) == bytes.count - start ? bytes[start...] : nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}
