/// The few ASN.1 values that keys and signatures are handed to OpenSSL in, in their one encoding (X.690 §10).
enum DER {
    /// SEQUENCE of what `items` encode.
    static func sequence(_ items: [UInt8]...) -> [UInt8] { value(0x30, Array(items.joined())) }

    /// INTEGER of a positive number, big-endian; leading zeros are dropped. Zero where there are no other digits.
    static func integer(_ magnitude: [UInt8]) -> [UInt8] {
        let digits = magnitude.drop { $0 == 0 }
        // A set top bit would make the number negative.
        let isPadded = digits.first.map { $0 >= 0x80 } ?? true
        return value(0x02, (isPadded ? [0] : []) + digits)
    }

    /// BIT STRING of whole bytes.
    static func bitString(_ bytes: [UInt8]) -> [UInt8] { value(0x03, [0] + bytes) }

    /// OBJECT IDENTIFIER of its encoded arcs.
    static func objectIdentifier(_ arcs: [UInt8]) -> [UInt8] { value(0x06, arcs) }

    /// NULL.
    static let null: [UInt8] = [0x05, 0x00]

    private static func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count >= 0x80 else { return [tag, UInt8(content.count)] + content }
        var length: [UInt8] = []
        var rest = content.count
        while rest > 0 {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }
}
