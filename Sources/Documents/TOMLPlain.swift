/// Values of TOML 1.0 that are not quoted: integers, floats, booleans, dates and times.
struct TOMLPlain {
    private let source: SourceText
    private var position: Int
    private let end: Int

    /// Where the value that begins at an offset ends; nil where none does.
    static func end(in source: SourceText, from start: Int) -> Int? {
        var end = wordEnd(in: source, from: start)
        // A date and a time may have a space between them.
        if end - start == 10, source.byte(start + 4) == UInt8(ascii: "-"), source.byte(end) == 0x20,
            isDigit(source.byte(end + 1))
        {
            end = wordEnd(in: source, from: end + 1)
        }
        let reader = TOMLPlain(source: source, position: start, end: end)
        guard end > start, reader.isBoolean || reader.isNumber || reader.isDate else { return nil }
        return end
    }

    private static func wordEnd(in source: SourceText, from start: Int) -> Int {
        var end = start
        while true {
            switch source.byte(end) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
                end += 1
            default: return end
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private var current: UInt8 { position < end ? source.byte(position) : 0 }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private func matches(_ word: StaticString) -> Bool {
        end - position == word.utf8CodeUnitCount && source.matches(word, at: position)
    }

    private var isBoolean: Bool { matches("true") || matches("false") }

    // MARK: Numbers

    private var isNumber: Bool {
        var reader = self
        return reader.takeNumber() && reader.position == end
    }

    private mutating func takeNumber() -> Bool {
        if current == UInt8(ascii: "0") {
            switch source.byte(position + 1) {
            case UInt8(ascii: "x"):
                return takeRadix { Self.isDigit($0) || (0x61...0x66).contains($0 | 0x20) }
            case UInt8(ascii: "o"): return takeRadix { (0x30...0x37).contains($0) }
            case UInt8(ascii: "b"): return takeRadix { $0 == 0x30 || $0 == 0x31 }
            default: break
            }
        }
        if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
        if matches("inf") || matches("nan") {
            position = end
            return true
        }
        if !take(UInt8(ascii: "0")) {
            guard takeDigits(Self.isDigit) else { return false }
        }
        if take(UInt8(ascii: ".")) {
            guard takeDigits(Self.isDigit) else { return false }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard takeDigits(Self.isDigit) else { return false }
        }
        return true
    }

    private mutating func takeRadix(_ isDigit: (UInt8) -> Bool) -> Bool {
        position += 2
        return takeDigits(isDigit)
    }

    /// Digits with single underscores between.
    private mutating func takeDigits(_ isDigit: (UInt8) -> Bool) -> Bool {
        guard isDigit(current) else { return false }
        while isDigit(current) {
            position += 1
            if current == UInt8(ascii: "_"), position + 1 < end, isDigit(source.byte(position + 1)) {
                position += 1
            }
        }
        return true
    }

    // MARK: Dates and times (RFC 3339 §5.6)

    private var isDate: Bool {
        var reader = self
        if source.byte(position + 2) == UInt8(ascii: ":") {
            return reader.takeTime() && reader.position == end
        }
        guard reader.takeDate() else { return false }
        guard reader.position < end else { return true }
        guard reader.take(UInt8(ascii: "T")) || reader.take(UInt8(ascii: "t")) || reader.take(0x20),
            reader.takeTime()
        else { return false }
        return (reader.position == end || reader.takeOffset()) && reader.position == end
    }

    private mutating func takeNumber(_ count: Int, in range: ClosedRange<Int>) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard Self.isDigit(current) else { return nil }
            value = value * 10 + Int(current - 0x30)
            position += 1
        }
        return range.contains(value) ? value : nil
    }

    private mutating func takeDate() -> Bool {
        guard let year = takeNumber(4, in: 0...9_999), take(UInt8(ascii: "-")),
            let month = takeNumber(2, in: 1...12), take(UInt8(ascii: "-"))
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return takeNumber(2, in: 1...days[month - 1]) != nil
    }

    private mutating func takeTime() -> Bool {
        guard takeNumber(2, in: 0...23) != nil, take(UInt8(ascii: ":")), takeNumber(2, in: 0...59) != nil,
            take(UInt8(ascii: ":")), takeNumber(2, in: 0...59) != nil
        else { return false }
        guard take(UInt8(ascii: ".")) else { return true }
        guard Self.isDigit(current) else { return false }
        while Self.isDigit(current) { position += 1 }
        return true
    }

    private mutating func takeOffset() -> Bool {
        if take(UInt8(ascii: "Z")) || take(UInt8(ascii: "z")) { return true }
        guard take(UInt8(ascii: "+")) || take(UInt8(ascii: "-")) else { return false }
        return takeNumber(2, in: 0...23) != nil && take(UInt8(ascii: ":")) && takeNumber(2, in: 0...59) != nil
    }
}
