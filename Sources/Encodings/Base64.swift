/// RFC 4648 base64 that accepts exactly one text for each byte string: no white space, no missing or spare
/// padding, unused bits zero (§3.5).
package struct Base64: Sendable {
    /// Standard alphabet with padding (RFC 4648 §4): Kubernetes `data`, PEM bodies.
    package static let standard = Base64(isURL: false, isPadded: true)
    /// Standard alphabet without padding: age headers.
    package static let unpadded = Base64(isURL: false, isPadded: false)
    /// URL-safe alphabet without padding (RFC 4648 §5): sealed tokens.
    package static let url = Base64(isURL: true, isPadded: false)

    private let isPadded: Bool
    private let alphabet: [UInt8]
    private let values: [UInt8]

    private init(isURL: Bool, isPadded: Bool) {
        self.isPadded = isPadded
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        alphabet = Array((letters + (isURL ? "-_" : "+/")).utf8)
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
    }

    /// The number of characters that encode `byteCount` bytes.
    package func encodedCount(_ byteCount: Int) -> Int {
        isPadded ? (byteCount + 2) / 3 * 4 : byteCount / 3 * 4 + [0, 2, 3][byteCount % 3]
    }

    /// The text of `bytes`. Not for secrets: use `encode(_:into:)` with guarded memory there.
    package func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: encodeBytes(Array(bytes)), as: UTF8.self)
    }

    /// The text of `bytes` as ASCII bytes.
    package func encodeBytes(_ bytes: [UInt8]) -> [UInt8] {
        var text = [UInt8](repeating: 0, count: encodedCount(bytes.count))
        var span = text.mutableSpan
        var output = unsafe span.mutableBytes
        unsafe encode(bytes.span.bytes, into: &output)
        return text
    }

    /// Writes the text of `bytes` into `output`, whose length must be `encodedCount(bytes.byteCount)`.
    package func encode(_ bytes: RawSpan, into output: inout MutableRawSpan) {
        precondition(output.byteCount == encodedCount(bytes.byteCount), "base64 output of the wrong size")
        var position = 0
        var offset = 0
        func put(_ value: UInt32, _ output: inout MutableRawSpan) {
            output.storeBytes(of: alphabet[Int(value & 63)], toByteOffset: position, as: UInt8.self)
            position += 1
        }
        while offset < bytes.byteCount {
            let count = min(3, bytes.byteCount - offset)
            var group: UInt32 = 0
            for index in 0..<3 {
                let byte =
                    index < count
                    ? unsafe bytes.unsafeLoad(fromByteOffset: offset + index, as: UInt8.self) : 0
                group = group << 8 | UInt32(byte)
            }
            for index in 0...count { put(group >> UInt32(18 - 6 * index), &output) }
            if isPadded {
                for _ in count..<3 {
                    output.storeBytes(of: 0x3D, toByteOffset: position, as: UInt8.self)
                    position += 1
                }
            }
            offset += count
        }
    }

    /// The number of bytes that `text` stands for. Throws `wrongLength` where no text has that length or padding.
    package func decodedCount(_ text: RawSpan) throws(EncodingError) -> Int {
        let digits = try digitCount(text)
        return digits / 4 * 3 + [0, 0, 1, 2][digits % 4]
    }

    /// Writes the bytes of `text` into `output`, whose length must be `decodedCount(text)`. Throws on any text
    /// but the one canonical encoding; `output` is then partly written.
    package func decode(_ text: RawSpan, into output: inout MutableRawSpan) throws(EncodingError) {
        let digits = try digitCount(text)
        var group: UInt32 = 0
        var bits = 0
        var position = 0
        for offset in 0..<digits {
            let value = values[Int(unsafe text.unsafeLoad(fromByteOffset: offset, as: UInt8.self))]
            guard value < 64 else {
                throw EncodingError(.invalidCharacter, "base64: character outside the alphabet")
            }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.storeBytes(
                    of: UInt8(truncatingIfNeeded: group >> UInt32(bits)), toByteOffset: position,
                    as: UInt8.self)
                position += 1
            }
        }
        guard group & (1 << UInt32(bits) - 1) == 0 else {
            throw EncodingError(.nonCanonical, "base64: unused bits are not zero")
        }
    }

    /// The bytes of `text`. Throws on any text but the one canonical encoding. Not for secrets.
    package func decode(_ text: [UInt8]) throws(EncodingError) -> [UInt8] {
        let span = unsafe text.span.bytes
        var bytes = [UInt8](repeating: 0, count: try decodedCount(span))
        var target = bytes.mutableSpan
        var output = unsafe target.mutableBytes
        try decode(span, into: &output)
        return bytes
    }

    /// The bytes of `text`, as `decode(_:)` of its UTF-8.
    package func decode(_ text: some StringProtocol) throws(EncodingError) -> [UInt8] {
        try decode(Array(text.utf8))
    }

    /// The number of characters before the padding, where length and padding are legal.
    private func digitCount(_ text: RawSpan) throws(EncodingError) -> Int {
        var digits = text.byteCount
        if isPadded {
            guard digits % 4 == 0 else {
                throw EncodingError(.wrongLength, "base64: length is no multiple of four")
            }
            var padding = 0
            while padding < 2, digits > 0,
                unsafe text.unsafeLoad(fromByteOffset: digits - 1, as: UInt8.self) == 0x3D
            {
                digits -= 1
                padding += 1
            }
        }
        guard digits % 4 != 1 else { throw EncodingError(.wrongLength, "base64: impossible length") }
        return digits
    }
}
