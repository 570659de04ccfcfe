/// The parts of a number's text `[sign]digits[.digits][e[sign]digits]` with underscores in it.
struct NumberText {
    /// Where the digits before the point end.
    let wholeEnd: Int
    /// Where the digits behind it end.
    let mantissaEnd: Int
    /// How many digits the number has from its first to its last that is not zero.
    let digitCount: Int
    /// Zeros behind these digits, where the number is whole and has at most 21 digits; else nil.
    let zeroCountOfWhole: Int?

    /// The digits, zeros in front left out.
    private let digits = WipedBytes()

    private static let wholeLimit = 21

    /// Reads `text`, which has this form.
    init(_ text: RawSpan) {
        var position = 0
        func isExponent(_ byte: UInt8) -> Bool { byte | 0x20 == UInt8(ascii: "e") }
        var wholeCount = 0
        var seenWhole: Int?
        var lastNonZero = 0
        while let byte = text.byte(at: position), !isExponent(byte) {
            if byte == UInt8(ascii: ".") {
                seenWhole = position
            } else if Self.isDigit(byte) {
                let isLeading = byte == UInt8(ascii: "0") && digits.count == 0
                if !isLeading { digits.append(byte) }
                if byte != UInt8(ascii: "0") { lastNonZero = digits.count }
                // Zeros behind the point that lead move it.
                if seenWhole == nil {
                    wholeCount += isLeading ? 0 : 1
                } else if isLeading {
                    wholeCount -= 1
                }
            }
            position += 1
        }
        wholeEnd = seenWhole ?? position
        mantissaEnd = position
        var exponent = 0
        var isNegative = false
        while let byte = text.byte(at: position) {
            if byte == UInt8(ascii: "-") { isNegative = true }
            if Self.isDigit(byte) { exponent = min(exponent * 10 + Int(byte - UInt8(ascii: "0")), 1 << 20) }
            position += 1
        }
        let point = wholeCount + (isNegative ? -exponent : exponent)
        digitCount = lastNonZero
        let isWhole = lastNonZero == 0 || (lastNonZero <= point && point <= Self.wholeLimit)
        zeroCountOfWhole = isWhole ? (lastNonZero == 0 ? 0 : point - lastNonZero) : nil
    }

    /// Hands over the first `count` digits.
    func forEachDigit(to count: Int, _ body: (UInt8) -> Void) {
        digits.withBytes(0..<count) { digits in
            for position in 0..<digits.byteCount { body(digits[position]) }
        }
    }

    /// Whether `byte` is a decimal digit.
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
