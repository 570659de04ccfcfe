/// Strings of TOML 1.0: basic and literal, on one line or, between three quotes, on several.
extension TOMLTreeReader {
    /// Reads the string that begins here.
    ///
    /// - Throws: `syntax`.
    mutating func readString(allowsLines: Bool) throws(DocumentError) -> NodeTree.Node {
        let quote = source.byte(position)
        let isBasic = quote == UInt8(ascii: "\"")
        let isLong = source.byte(position + 1) == quote && source.byte(position + 2) == quote
        guard !isLong || allowsLines else { throw failure("a key over several lines") }
        let style: NodeTree.Style =
            switch (isBasic, isLong) {
            case (true, false): .double
            case (false, false): .single
            case (true, true): .tripleDouble
            case (false, true): .tripleSingle
            }
        var node = node(.scalar, style, to: position)
        position += isLong ? 3 : 1
        if isLong, source.isLineEnd(position), position < source.count { takeBreak() }
        let first = position
        let decodedStart = tree.values.count
        var copied = first
        while !isClosing(quote, isLong) {
            guard position < source.count else {
                throw DocumentError(.syntax, line: Int(node.line) + 1, context: "a string that is not closed")
            }
            if isBasic, source[position] == UInt8(ascii: "\\") {
                source.append(copied..<position, to: tree.values)
                node.flags.insert(.decoded)
                try readEscape(isLong: isLong)
                copied = position
            } else if source.isLineEnd(position) {
                guard isLong else { throw failure("a line end in a string of one line") }
                takeBreak()
            } else {
                position += 1
            }
        }
        // Up to two quotes may stand right before the closing three.
        if isLong {
            for _ in 0..<2 where source.byte(position + 3) == quote { position += 1 }
        }
        let isDecoded = node.flags.contains(.decoded)
        if isDecoded { source.append(copied..<position, to: tree.values) }
        node.valueStart = Int32(isDecoded ? decodedStart : first)
        node.valueCount = Int32(isDecoded ? tree.values.count - decodedStart : position - first)
        position += isLong ? 3 : 1
        node.end = Int32(position)
        return node
    }

    private func isClosing(_ quote: UInt8, _ isLong: Bool) -> Bool {
        source.byte(position) == quote
            && (!isLong || (source.byte(position + 1) == quote && source.byte(position + 2) == quote))
    }

    private mutating func takeBreak() {
        if source.byte(position) == 0x0D { position += 1 }
        position += 1
        line += 1
        lineStart = position
    }

    private mutating func readEscape(isLong: Bool) throws(DocumentError) {
        let byte = source.byte(position + 1)
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): tree.values.append(byte)
        case UInt8(ascii: "b"): tree.values.append(0x08)
        case UInt8(ascii: "t"): tree.values.append(0x09)
        case UInt8(ascii: "n"): tree.values.append(0x0A)
        case UInt8(ascii: "f"): tree.values.append(0x0C)
        case UInt8(ascii: "r"): tree.values.append(0x0D)
        case UInt8(ascii: "u"): return try readCharacter(4)
        case UInt8(ascii: "U"): return try readCharacter(8)
        default:
            guard isLong else { throw failure("an unknown escape in a string") }
            return try skipBreak()
        }
        position += 2
    }

    /// A backslash at the end of a line takes all white space up to the next character.
    private mutating func skipBreak() throws(DocumentError) {
        position = source.skippingBlanks(from: position + 1)
        guard position < source.count, source.isLineEnd(position) else {
            throw failure("an unknown escape in a string")
        }
        while position < source.count, source.isLineEnd(position) {
            takeBreak()
            position = source.skippingBlanks(from: position)
        }
    }

    private mutating func readCharacter(_ count: Int) throws(DocumentError) {
        var value: UInt32 = 0
        for offset in position + 2..<position + 2 + count {
            let byte = source.byte(offset)
            let digit: UInt8 =
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
                case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
                case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
                default: throw failure("not a hexadecimal digit in an escape")
                }
            value = value << 4 | UInt32(digit)
        }
        guard let scalar = Unicode.Scalar(value) else { throw failure("an escape of no character") }
        for unit in UTF8.encode(scalar) ?? .init() { tree.values.append(unit) }
        position += 2 + count
    }
}
