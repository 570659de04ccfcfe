internal import Encodings
internal import Sodium

/// A short name of a sealed value or file, the same as long as its ciphertext is: what a diff shows to those who
/// can't open it. Says nothing about the plaintext: sealing the same value again gives another.
package enum TokenDigest {
    /// `#` and the first 8 hex digits of H of the ciphertext's bytes.
    package static func short(_ ciphertext: RawSpan) -> String {
        short(hash: BLAKE2b.hash(ciphertext))
    }

    /// As `short(_:)`, of H of a ciphertext that was read in pieces.
    package static func short(hash: [UInt8]) -> String { "#" + Hex.encode(hash.prefix(4)) }

    /// `text` with each sealed token replaced by `sealed <environment>-<epoch> #<digest>` and `note`, wherever it stands.
    /// What is no well-formed token stays.
    package static func replacingTokens(in text: [UInt8], note: String = "") -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        text.withBytes { bytes in
            while let mark = SealedToken.firstMark(in: bytes.extracting(position..<bytes.byteCount)) {
                let start = position + mark.offset
                var end = start
                while end < bytes.byteCount, isTokenByte(bytes[end]) { end += 1 }
                end = max(end, start + 1)
                result += text[position..<start]
                let span = bytes.extracting(start..<end)
                if let token = try? SealedToken(span) {
                    result += Array("sealed \(token.environment)-\(token.epoch) \(short(span))\(note)".utf8)
                } else {
                    result += text[start..<end]
                }
                position = end
            }
        }
        return result + text[position...]
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        SealedToken.isNameByte(byte) || (0x41...0x5A).contains(byte) || byte == 0x2E || byte == 0x5F
    }
}
