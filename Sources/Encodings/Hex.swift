/// Lower-case hexadecimal text. Upper case is refused on reading: one value, one text.
package enum Hex {
    /// The lower-case text of `bytes`, two characters a byte.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of `text`. Throws `wrongLength` for an odd count, `invalidCharacter` for all but 0-9 and a-f.
    package static func decode(_ text: some Collection<UInt8>) throws(EncodingError) -> [UInt8] {
        guard text.count % 2 == 0 else { throw EncodingError(.wrongLength, "hex: odd number of digits") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var high: UInt8?
        for character in text {
            guard let value = value(of: character) else {
                throw EncodingError(.invalidCharacter, "hex: not a lower-case digit")
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    /// The bytes of `text`, as `decode(_:)` of its UTF-8.
    package static func decode(_ text: String) throws(EncodingError) -> [UInt8] {
        try decode(Array(text.utf8))
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x61...0x66: character - 0x61 + 10
        default: nil
        }
    }
}
