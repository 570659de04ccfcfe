/// Bech32 (BIP 173, checksum constant 1) without the 90-character limit, as age uses it for its keys.
package enum Bech32 {
    private static let charset = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    /// Lower-case text of `data` under the lower-case human-readable part `prefix`.
    package static func encode(prefix: String, data: some Sequence<UInt8>) -> String {
        let data = Array(data)
        var text = [UInt8](repeating: 0, count: encodedCount(prefix: prefix, byteCount: data.count))
        var target = text.mutableSpan
        var output = unsafe target.mutableBytes
        unsafe encode(prefix: prefix, data: data.span.bytes, into: &output)
        return String(decoding: text, as: UTF8.self)
    }

    /// The number of characters of the text of `byteCount` bytes under `prefix`.
    package static func encodedCount(prefix: String, byteCount: Int) -> Int {
        prefix.utf8.count + 1 + (byteCount * 8 + 4) / 5 + 6
    }

    /// Writes the text of `data` under the lower-case human-readable part `prefix` into `output`, whose length
    /// must be `encodedCount(prefix:byteCount:)`; all of it in upper case where asked for. No copy of the data
    /// is made: secrets go from guarded memory to guarded memory.
    package static func encode(
        prefix: String, data: RawSpan, isUpperCase: Bool = false, into output: inout MutableRawSpan
    ) {
        precondition(
            output.byteCount == encodedCount(prefix: prefix, byteCount: data.byteCount), "bech32 output")
        var position = 0
        func put(_ character: UInt8, _ output: inout MutableRawSpan) {
            let isLetter = (0x61...0x7A).contains(character)
            output.storeBytes(
                of: isUpperCase && isLetter ? character - 32 : character, toByteOffset: position,
                as: UInt8.self)
            position += 1
        }
        for character in prefix.utf8 { put(character, &output) }
        put(0x31, &output)
        var checksum = polymod(expand(Array(prefix.utf8)))
        var accumulator: UInt32 = 0
        var bits: UInt32 = 0
        func group(_ value: UInt32, _ output: inout MutableRawSpan) {
            checksum = step(checksum, UInt8(value & 31))
            put(charset[Int(value & 31)], &output)
        }
        for offset in 0..<data.byteCount {
            accumulator = (accumulator << 8 | UInt32(byte(data, offset))) & 0xFFFF
            bits += 8
            while bits >= 5 {
                bits -= 5
                group(accumulator >> bits, &output)
            }
        }
        if bits > 0 { group(accumulator << (5 - bits), &output) }
        for _ in 0..<6 { checksum = step(checksum, 0) }
        checksum ^= 1
        for index in 0..<6 { put(charset[Int(checksum >> UInt32(5 * (5 - index)) & 31)], &output) }
    }

    /// The human-readable part, in lower case, and the data of `text`, which is all lower or all upper case.
    ///
    /// Not for secret text: identities are decoded by `decode(_:into:)` in guarded memory.
    package static func decode(_ text: [UInt8]) throws(EncodingError) -> (prefix: String, data: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: text.count)
        var target = bytes.mutableSpan
        var span = unsafe target.mutableBytes
        let result = try unsafe decode(text.span.bytes, into: &span)
        return (result.prefix, Array(bytes.prefix(result.byteCount)))
    }

    /// Decodes `text` into the head of `output` (at least as long as the text) and says the human-readable part
    /// in lower case and how many bytes were written. Throws on mixed case, a bad character, a wrong checksum,
    /// and padding that is not canonical.
    package static func decode(
        _ text: RawSpan, into output: inout MutableRawSpan
    ) throws(EncodingError) -> (prefix: String, byteCount: Int) {
        let (split, isUpper) = try scan(text)
        guard split >= 1, text.byteCount - split - 1 >= 6 else {
            throw EncodingError(.wrongLength, "bech32: prefix or checksum is missing")
        }
        var prefix: [UInt8] = []
        for offset in 0..<split { prefix.append(lower(byte(text, offset), isUpper)) }
        // The checksum runs over the groups one at a time: no copy of a secret's groups is made.
        var checksum: UInt32 = 1
        for value in expand(prefix) { checksum = step(checksum, value) }
        var accumulator: UInt32 = 0
        var bits: UInt32 = 0
        var written = 0
        for offset in (split + 1)..<text.byteCount {
            let character = lower(byte(text, offset), isUpper)
            guard let value = charset.firstIndex(of: character) else {
                throw EncodingError(.invalidCharacter, "bech32: character outside the alphabet")
            }
            checksum = step(checksum, UInt8(value))
            guard offset < text.byteCount - 6 else { continue }
            accumulator = (accumulator << 5 | UInt32(value)) & 0xFFFF
            bits += 5
            if bits >= 8 {
                bits -= 8
                output.storeBytes(
                    of: UInt8(truncatingIfNeeded: accumulator >> bits), toByteOffset: written, as: UInt8.self)
                written += 1
            }
        }
        guard checksum == 1 else { throw EncodingError(.badChecksum, "bech32: wrong checksum") }
        guard bits < 5, accumulator & (1 << bits - 1) == 0 else {
            throw EncodingError(.nonCanonical, "bech32: padding is not canonical")
        }
        return (String(decoding: prefix, as: UTF8.self), written)
    }

    /// The place of the last `1`, and whether the letters are upper case.
    private static func scan(_ text: RawSpan) throws(EncodingError) -> (split: Int, isUpper: Bool) {
        var split = -1
        var hasUpper = false
        var hasLower = false
        for offset in 0..<text.byteCount {
            let character = byte(text, offset)
            guard (33...126).contains(character) else {
                throw EncodingError(.invalidCharacter, "bech32: character outside printable ASCII")
            }
            if (0x41...0x5A).contains(character) { hasUpper = true }
            if (0x61...0x7A).contains(character) { hasLower = true }
            if character == 0x31 { split = offset }
        }
        guard !(hasUpper && hasLower) else {
            throw EncodingError(.mixedCase, "bech32: upper and lower case mixed")
        }
        return (split, hasUpper)
    }

    private static func byte(_ text: RawSpan, _ offset: Int) -> UInt8 {
        unsafe text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    private static func lower(_ character: UInt8, _ isUpper: Bool) -> UInt8 {
        isUpper && (0x41...0x5A).contains(character) ? character + 32 : character
    }

    private static func expand(_ prefix: [UInt8]) -> [UInt8] {
        prefix.map { $0 >> 5 } + [0] + prefix.map { $0 & 31 }
    }

    private static func polymod(_ values: [UInt8]) -> UInt32 {
        values.reduce(1, step)
    }

    /// One step of the BIP 173 checksum.
    private static func step(_ checksum: UInt32, _ value: UInt8) -> UInt32 {
        let top = checksum >> 25
        var next = (checksum & 0x1FF_FFFF) << 5 ^ UInt32(value)
        let generator: [UInt32] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]
        for (bit, term) in generator.enumerated() where top >> UInt32(bit) & 1 == 1 { next ^= term }
        return next
    }
}
