internal import Documents
internal import Encodings
internal import Sodium

/// The source text of a value that is set.
struct ValueSource: ~Copyable {
    /// The source text.
    let bytes: SecretBytes
    /// How it is written.
    let style: ScalarStyle

    /// The scalar of `value`, as it is written in a document of `format`. Throws `unsuitableValue`, `nestedToken`,
    /// `limitExceeded`.
    init(
        _ value: RawSpan, _ type: DocumentSealer.ValueType, isBase64: Bool, format: DocumentFormat
    ) throws(SealingError) {
        guard value.byteCount <= SealingLimit.sourceByteCount else {
            throw SealingError(.limitExceeded, "a value longer than \(SealingLimit.sourceByteCount) bytes")
        }
        guard !SealedToken.containsMark(value), !SealedToken.containsWrappedMark(value) else {
            throw SealingError(.nestedToken, "a sealed token or SOPS marker inside the value")
        }
        guard type == .string || !isBase64 else {
            throw SealingError(.unsuitableValue, "a Secret's data holds strings alone")
        }
        switch type {
        case .string where isBase64:
            bytes = Self.quotedBase64(value)
            style = .double
        case .string:
            let literal = try Self.literal(value, format)
            bytes = SecretBytes(byteCount: literal.byteCount) { literal.write(value, into: &$0) }
            style = literal.style
        case .null where !format.holdsObjects:
            throw SealingError(.unsuitableValue, "\(format.rawValue) has no null")
        case .null where value.byteCount == 0:
            bytes = SecretBytes(byteCount: 4) { output in
                for (offset, byte) in "null".utf8.enumerated() {
                    output.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
                }
            }
            style = .plain
        case .int, .float, .bool, .null:
            guard Self.isScalar(value, type) else {
                throw SealingError(.unsuitableValue, "the value is no \(type.rawValue)")
            }
            let isWhole = (0..<value.byteCount).allSatisfy { value[$0] < 0x3A && value[$0] != 0x2E }
            guard format != .toml || type != .float || !isWhole else {
                throw SealingError(.unsuitableValue, "a float of TOML has a point or an exponent")
            }
            bytes = SecretBytes(copying: value)
            style = .plain
        }
    }

    /// `"<base64>"`: quoted, because text such as `1234` or `true` would be no string unquoted.
    static func quotedBase64(_ value: RawSpan) -> SecretBytes {
        let count = Base64.standard.encodedCount(value.byteCount)
        return SecretBytes(byteCount: count + 2) { output in
            output.storeBytes(of: 0x22, toByteOffset: 0, as: UInt8.self)
            output.storeBytes(of: 0x22, toByteOffset: count + 1, as: UInt8.self)
            var inner = output._mutatingExtracting(1..<(count + 1))
            Base64.standard.encode(value, into: &inner)
        }
    }

    private static func literal(
        _ value: RawSpan, _ format: DocumentFormat
    ) throws(SealingError) -> StringLiteral {
        do throws(DocumentError) {
            return try StringLiteral(of: value, format: format)
        } catch {
            throw SealingError(
                .unsuitableValue, "the value can't be written as text: \(error.context)", underlying: error)
        }
    }

    /// Whether `value` is one JSON number, integer, boolean or null: all of them mean the same in YAML.
    private static func isScalar(_ value: RawSpan, _ type: DocumentSealer.ValueType) -> Bool {
        func equals(_ word: String) -> Bool {
            value.byteCount == word.utf8.count
                && word.utf8.enumerated().allSatisfy { value[$0.offset] == $0.element }
        }
        switch type {
        case .bool: return equals("true") || equals("false")
        case .null: return equals("null")
        case .int, .float: return isNumber(value, allowsFraction: type == .float)
        case .string: return false
        }
    }

    /// RFC 8259 §6.
    private static func isNumber(_ text: RawSpan, allowsFraction: Bool) -> Bool {
        var offset = 0
        func byte() -> UInt8 { offset < text.byteCount ? text[offset] : 0 }
        func digits() -> Int {
            let start = offset
            while (0x30...0x39).contains(byte()) { offset += 1 }
            return offset - start
        }
        if byte() == 0x2D { offset += 1 }
        let startsWithZero = byte() == 0x30
        let count = digits()
        guard count == 1 || (count > 1 && !startsWithZero) else { return false }
        guard allowsFraction else { return offset == text.byteCount }
        if byte() == 0x2E {
            offset += 1
            guard digits() > 0 else { return false }
        }
        if byte() == 0x65 || byte() == 0x45 {
            offset += 1
            if byte() == 0x2B || byte() == 0x2D { offset += 1 }
            guard digits() > 0 else { return false }
        }
        return offset == text.byteCount
    }
}
