internal import Encodings
internal import Sodium

/// Random passwords and keys as text, made in guarded memory.
enum RandomValue {
    /// Letters and digits: no character that a shell, a URL or a configuration file takes for its own.
    static let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    /// Signs that need no escape in quotes of any format, in a URL's query or in a shell's double quotes.
    static let symbols = "+,-./:=@_~"

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

    /// As `text`, with at least one character of each kind in `alphabet` (lower case, upper case, digits, others):
    /// texts without are thrown away, so that all that are left are as likely as each other. `count` is at least 8.
    static func textOfEveryKind(of alphabet: [UInt8], count: Int) -> SecretBytes {
        precondition(count >= 8)
        let kinds = Set(alphabet.map(kind))
        var made = text(of: alphabet, count: count)
        while kindsOf(made) != kinds { made = text(of: alphabet, count: count) }
        return made
    }

    private static func kindsOf(_ text: borrowing SecretBytes) -> Set<Int> {
        text.withBytes { text in
            var found: Set<Int> = []
            for offset in 0..<text.byteCount { found.insert(kind(text[offset])) }
            return found
        }
    }

    private static func kind(_ character: UInt8) -> Int {
        switch character {
        case 0x61...0x7A: 0
        case 0x41...0x5A: 1
        case 0x30...0x39: 2
        default: 3
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
