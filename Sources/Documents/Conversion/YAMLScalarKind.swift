internal import Glibc

/// What a plain scalar of YAML is to kubectl, which reads YAML 1.1 with the library go-yaml 2 (its resolve.go):
/// `yes`, `on`, `y` and their like are booleans, `012`, `0x1F`, `0o14`, `0b11` and `1_000` whole numbers, no number is
/// of base 60, and a date is a string.
enum YAMLScalarKind: Equatable {
    case string
    case null
    case bool(Bool)
    /// A whole number of up to 64 bits.
    case integer(isNegative: Bool, magnitude: UInt64)
    /// Any other number: its text is `[sign]digits[.digits][e[sign]digits]`, with underscores in it.
    case number
    /// `.inf` or `.nan`, for which JSON has no form.
    case notFinite

    /// The kind of `text`, the whole of a plain scalar.
    init(_ text: RawSpan) {
        guard let first = text.byte(at: 0) else {
            self = .null
            return
        }
        if let word = Self.word(text) {
            self = word
            return
        }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"):
            self = Self.integer(text) ?? (Self.isFloat(text, allowsUnderscores: true) ? .number : .string)
        case UInt8(ascii: "."):
            self = Self.isFloat(text, allowsUnderscores: false) ? .number : .string
        default:
            self = .string
        }
    }

    // MARK: Words

    private static let words: [(String, YAMLScalarKind)] = [
        ("y", .bool(true)), ("Y", .bool(true)), ("yes", .bool(true)), ("Yes", .bool(true)),
        ("YES", .bool(true)), ("true", .bool(true)), ("True", .bool(true)), ("TRUE", .bool(true)),
        ("on", .bool(true)), ("On", .bool(true)), ("ON", .bool(true)),
        ("n", .bool(false)), ("N", .bool(false)), ("no", .bool(false)), ("No", .bool(false)),
        ("NO", .bool(false)), ("false", .bool(false)), ("False", .bool(false)), ("FALSE", .bool(false)),
        ("off", .bool(false)), ("Off", .bool(false)), ("OFF", .bool(false)),
        ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null),
        (".nan", .notFinite), (".NaN", .notFinite), (".NAN", .notFinite),
        (".inf", .notFinite), (".Inf", .notFinite), (".INF", .notFinite),
        ("+.inf", .notFinite), ("+.Inf", .notFinite), ("+.INF", .notFinite),
        ("-.inf", .notFinite), ("-.Inf", .notFinite), ("-.INF", .notFinite),
    ]

    private static func word(_ text: RawSpan) -> YAMLScalarKind? {
        guard text.byteCount <= 5 else { return nil }
        return words.first { word, _ in
            word.utf8.count == text.byteCount
                && word.utf8.enumerated().allSatisfy { text[$0.offset] == $0.element }
        }?.1
    }

    // MARK: Whole numbers

    /// As strconv.ParseInt and then ParseUint with base 0 read it, underscores taken out before.
    private static func integer(_ text: RawSpan) -> YAMLScalarKind? {
        var position = 0
        func next() -> UInt8? {
            while let byte = text.byte(at: position) {
                position += 1
                if byte != UInt8(ascii: "_") { return byte }
            }
            return nil
        }
        let sign = text[0]
        let isSigned = sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
        if isSigned { position = 1 }
        guard let first = next() else { return nil }
        var base: UInt64 = 10
        var magnitude: UInt64 = 0
        var count = 1
        if first == UInt8(ascii: "0") {
            let mark = position
            switch next().map({ $0 | 0x20 }) {
            case UInt8(ascii: "x"): (base, count) = (16, 0)
            case UInt8(ascii: "o"): (base, count) = (8, 0)
            case UInt8(ascii: "b"): (base, count) = (2, 0)
            default: (base, position) = (8, mark)
            }
        } else {
            guard let value = value(of: first, base) else { return nil }
            magnitude = value
        }
        while let byte = next() {
            guard let value = value(of: byte, base) else { return nil }
            let (product, isOver) = magnitude.multipliedReportingOverflow(by: base)
            let (sum, isFar) = product.addingReportingOverflow(value)
            guard !isOver, !isFar else { return nil }
            magnitude = sum
            count += 1
        }
        let isNegative = sign == UInt8(ascii: "-")
        // What has a sign is a signed number of 64 bits or none.
        let limit = isNegative ? UInt64(1) << 63 : isSigned ? UInt64(Int64.max) : .max
        guard count > 0, magnitude <= limit else { return nil }
        return .integer(isNegative: isNegative && magnitude > 0, magnitude: magnitude)
    }

    private static func value(of digit: UInt8, _ base: UInt64) -> UInt64? {
        let value: UInt64
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = UInt64(digit - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): value = UInt64(digit - UInt8(ascii: "A") + 10)
        default: return nil
        }
        return value < base ? value : nil
    }

    // MARK: Fractions

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and not larger than a double can be.
    private static func isFloat(_ text: RawSpan, allowsUnderscores: Bool) -> Bool {
        let number = WipedBytes(capacity: text.byteCount + 1)
        for position in 0..<text.byteCount {
            let byte = text[position]
            guard byte == UInt8(ascii: "_") else {
                number.append(byte)
                continue
            }
            guard allowsUnderscores else { return false }
        }
        let isShaped = number.withBytes(0..<number.count) { isFloatShaped($0) }
        guard isShaped else { return false }
        number.append(0)
        return number.withBytes(0..<number.count) { bytes in
            unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return false }
                return unsafe strtod(start.assumingMemoryBound(to: CChar.self), nil).isFinite
            }
        }
    }

    private static func isFloatShaped(_ text: RawSpan) -> Bool {
        var position = 0
        func byte() -> UInt8 { text.byte(at: position) ?? 0 }
        func digits() -> Int {
            let start = position
            while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte()) { position += 1 }
            return position - start
        }
        if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { position += 1 }
        let wholeCount = digits()
        if byte() == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 || wholeCount > 0 else { return false }
        } else {
            guard wholeCount > 0 else { return false }
        }
        if byte() | 0x20 == UInt8(ascii: "e") {
            position += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { return false }
        }
        return position == text.byteCount
    }
}
