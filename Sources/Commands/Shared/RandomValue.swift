internal import Encodings
internal import Sodium

/// Random passwords and keys as text, made in guarded memory.
enum RandomValue {
    /// Letters and digits: no character that a shell, a URL or a configuration file takes for its own.
    static let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    /// `count` characters of `alphabet`, each as likely as any other. `alphabet` has 2 to 256 of them.
    static func text(of alphabet: [UInt8], count: Int) -> SecretBytes {
        precondition((2...256).contains(alphabet.count))
        // Bytes at or above the largest multiple would make some characters likelier.
        let limit = 256 - 256 % alphabet.count
        return SecretBytes(byteCount: count) { output in
            var pool = WipedBuffer(byteCount: 256)
            var filled = 0
            while filled < count {
                pool.withMutableBytes(first: 256) { RandomBytes.fill(&$0) }
                pool.withBytes(first: 256) { random in
                    for offset in 0..<256 where filled < count && Int(random[offset]) < limit {
                        let character = alphabet[Int(random[offset]) % alphabet.count]
                        output.storeBytes(of: character, toByteOffset: filled, as: UInt8.self)
                        filled += 1
                    }
                }
            }
        }
    }

    /// `byteCount` random bytes in lower-case hex.
    static func hex(byteCount: Int) -> SecretBytes {
        text(of: Array("0123456789abcdef".utf8), count: 2 * byteCount)
    }

    /// `byteCount` random bytes in padded base64.
    static func base64(byteCount: Int) -> SecretBytes {
        let bytes = SecretBytes(randomCount: byteCount)
        return SecretBytes(byteCount: Base64.standard.encodedCount(byteCount)) { output in
            bytes.withBytes { Base64.standard.encode($0, into: &output) }
        }
    }

    /// A random UUID (RFC 9562 §5.4).
    static func uuid() -> SecretBytes {
        let digits = hex(byteCount: 16)
        return SecretBytes(byteCount: 36) { output in
            digits.withBytes { digits in
                var position = 0
                for index in 0..<32 {
                    if [8, 12, 16, 20].contains(index) {
                        output.storeBytes(of: UInt8(ascii: "-"), toByteOffset: position, as: UInt8.self)
                        position += 1
                    }
                    output.storeBytes(of: digit(index, digits[index]), toByteOffset: position, as: UInt8.self)
                    position += 1
                }
            }
        }
    }

    /// The digit at `index`, with version 4 and the variant in their places.
    private static func digit(_ index: Int, _ random: UInt8) -> UInt8 {
        switch index {
        case 12: return UInt8(ascii: "4")
        case 16: return Array("89ab".utf8)[Int(random) % 4]
        default: return random
        }
    }
}
