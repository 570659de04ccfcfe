/// Reads one RFC 8259 text into a ``NodeTree``, on bytes, without recursion: number texts are kept,
/// strings must be UTF-8 without lone surrogates, a byte order mark before the text is passed over (§8.1).
struct JSONTreeReader {
    private let source: SourceText
    private let limits: DocumentLimits
    private var tree = NodeTree()
    private var open: [(index: Int32, childCount: Int32)] = []
    private var position = 0
    private var line: Int32 = 0
    /// Where the line begins, moved on by each byte that continues a character: columns count characters.
    private var lineStart = 0

    /// Parses a text.
    ///
    /// - Throws: `encoding`, `syntax`, `limit`.
    static func read(_ bytes: RawSpan, limits: DocumentLimits) throws(DocumentError) -> NodeTree {
        guard bytes.byteCount <= limits.byteCount, bytes.byteCount < Int32.max else {
            throw DocumentError(.limit, context: "the text is larger than \(limits.byteCount) bytes")
        }
        let result = unsafe bytes.withUnsafeBytes { source -> Result<NodeTree, DocumentError> in
            do throws(DocumentError) {
                var reader = unsafe JSONTreeReader(SourceText(source), limits)
                return .success(try reader.run())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(_ source: SourceText, _ limits: DocumentLimits) {
        self.source = source
        self.limits = limits
    }

    private var current: UInt8? {
        position < source.count ? source[position] : nil
    }

    private func failure(_ context: String) -> DocumentError {
        DocumentError(.syntax, line: Int(line) + 1, context: context)
    }

    private mutating func run() throws(DocumentError) -> NodeTree {
        try checkStart()
        position = source.startAfterMark
        lineStart = position
        tree.documents.append(NodeTree.Document(root: 0))
        skipSpace()
        try readValue()
        while let holder = open.last {
            skipSpace()
            try readNext(in: holder)
        }
        skipSpace()
        guard position == source.count else { throw failure("text after the value") }
        return tree
    }

    private func checkStart() throws(DocumentError) {
        guard !source.hasPrefix([0xFF, 0xFE]), !source.hasPrefix([0xFE, 0xFF]) else {
            throw DocumentError(.encoding, line: 1, context: "UTF-16 text; only UTF-8 is read")
        }
    }

    private mutating func skipSpace() {
        while let byte = current {
            switch byte {
            case 0x0A:
                line += 1
                lineStart = position + 1
            case 0x20, 0x09, 0x0D: break
            default: return
            }
            position += 1
        }
    }
}

// MARK: - Structure

extension JSONTreeReader {
    /// Reads what follows a value, or the opening bracket, of the innermost collection.
    private mutating func readNext(in holder: (index: Int32, childCount: Int32)) throws(DocumentError) {
        let isMapping = tree.nodes[Int(holder.index)].kind == .mapping
        guard let byte = current else { throw failure("the text ends inside a value") }
        if byte == (isMapping ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            position += 1
            tree.nodes[Int(holder.index)].end = Int32(position)
            tree.nodes[Int(holder.index)].subtreeEnd = Int32(tree.nodes.count)
            open.removeLast()
            return
        }
        if holder.childCount > 0 {
            guard byte == UInt8(ascii: ",") else { throw failure("neither a comma nor the closing bracket") }
            position += 1
            skipSpace()
        }
        if isMapping {
            guard current == UInt8(ascii: "\"") else { throw failure("a key must be a string") }
            try readString()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw failure("no colon behind a key") }
            position += 1
            skipSpace()
        }
        try readValue()
    }

    private mutating func readValue() throws(DocumentError) {
        guard let byte = current else { throw failure("the text ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < limits.depth else {
                throw DocumentError(
                    .limit, line: Int(line) + 1, context: "nested deeper than \(limits.depth) levels")
            }
            let index = try add(byte == UInt8(ascii: "{") ? .mapping : .sequence, .flow, from: position)
            open.append((index, 0))
            position += 1
        case UInt8(ascii: "\""): try readString()
        case UInt8(ascii: "t"): try readWord("true")
        case UInt8(ascii: "f"): try readWord("false")
        case UInt8(ascii: "n"): try readWord("null")
        default: try readNumber()
        }
    }

    private mutating func add(
        _ kind: NodeTree.Kind, _ style: NodeTree.Style, from start: Int
    ) throws(DocumentError) -> Int32 {
        guard tree.nodes.count < YAMLTreeReader.nodeLimit else {
            throw DocumentError(
                .limit, line: Int(line) + 1, context: "more than \(YAMLTreeReader.nodeLimit) nodes")
        }
        let index = Int32(tree.nodes.count)
        var node = NodeTree.Node(
            kind: kind, style: style, flags: [.inFlow], start: Int32(start), end: Int32(start), line: line,
            column: Int32(start - lineStart), parent: -1, subtreeEnd: index + 1, ordinal: 0, valueStart: 0,
            valueCount: 0, indentation: -1, document: 0)
        if let holder = open.last {
            node.parent = holder.index
            node.ordinal = holder.childCount
            if tree.nodes[Int(holder.index)].kind == .mapping {
                node.ordinal = holder.childCount / 2
                if holder.childCount % 2 == 0 { node.flags.insert(.key) }
            }
            open[open.count - 1].childCount += 1
        }
        tree.nodes.append(node)
        return index
    }
}

// MARK: - Scalars

extension JSONTreeReader {
    private mutating func readWord(_ word: StaticString) throws(DocumentError) {
        guard source.matches(word, at: position) else { throw failure("not a value") }
        try addPlain(from: position, to: position + word.utf8CodeUnitCount)
    }

    private mutating func addPlain(from start: Int, to end: Int) throws(DocumentError) {
        position = end
        let index = Int(try add(.scalar, .plain, from: start))
        tree.nodes[index].end = Int32(end)
        tree.nodes[index].valueStart = Int32(start)
        tree.nodes[index].valueCount = Int32(end - start)
    }

    /// RFC 8259 §6.
    private mutating func readNumber() throws(DocumentError) {
        let start = position
        var offset = position
        func byte() -> UInt8 { source.byte(offset) }
        func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
        if byte() == UInt8(ascii: "-") { offset += 1 }
        guard isDigit(byte()) else { throw failure("not a value") }
        if byte() == UInt8(ascii: "0") {
            offset += 1
        } else {
            while isDigit(byte()) { offset += 1 }
        }
        if byte() == UInt8(ascii: ".") {
            offset += 1
            guard isDigit(byte()) else { throw failure("not a number") }
            while isDigit(byte()) { offset += 1 }
        }
        if byte() | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { offset += 1 }
            guard isDigit(byte()) else { throw failure("not a number") }
            while isDigit(byte()) { offset += 1 }
        }
        try addPlain(from: start, to: offset)
    }

    /// RFC 8259 §7.
    private mutating func readString() throws(DocumentError) {
        let start = position
        let startColumn = lineStart
        position += 1
        let decodedStart = tree.values.count
        var copied = position
        var isDecoded = false
        while true {
            guard let byte = current else { throw failure("the text ends inside a string") }
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20 else {
                throw DocumentError(
                    .syntax, line: Int(line) + 1, context: "a control character inside a string")
            }
            if byte == UInt8(ascii: "\\") {
                isDecoded = true
                source.append(copied..<position, to: tree.values)
                try readEscape()
                copied = position
            } else if byte < 0x80 {
                position += 1
            } else {
                try readCharacter()
            }
        }
        if isDecoded {
            source.append(copied..<position, to: tree.values)
        }
        position += 1
        let moved = lineStart - startColumn
        lineStart = startColumn
        let index = Int(try add(.scalar, .double, from: start))
        lineStart += moved
        tree.nodes[index].end = Int32(position)
        tree.nodes[index].valueStart = Int32(isDecoded ? decodedStart : start + 1)
        tree.nodes[index].valueCount =
            Int32(isDecoded ? tree.values.count - decodedStart : position - start - 2)
        if isDecoded { tree.nodes[index].flags.insert(.decoded) }
    }

    /// One character of more than one byte (RFC 3629 §4).
    private mutating func readCharacter() throws(DocumentError) {
        let width = source.characterWidth(at: position)
        guard width > 1 else {
            throw DocumentError(.encoding, line: Int(line) + 1, context: "not UTF-8")
        }
        position += width
        lineStart += width - 1
    }

    private mutating func readEscape() throws(DocumentError) {
        position += 1
        guard let byte = current else { throw failure("the text ends inside a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): tree.values.append(byte)
        case UInt8(ascii: "b"): tree.values.append(0x08)
        case UInt8(ascii: "f"): tree.values.append(0x0C)
        case UInt8(ascii: "n"): tree.values.append(0x0A)
        case UInt8(ascii: "r"): tree.values.append(0x0D)
        case UInt8(ascii: "t"): tree.values.append(0x09)
        case UInt8(ascii: "u"): try readUnicodeEscape()
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func readUnicodeEscape() throws(DocumentError) {
        var value = UInt32(try readHexadecimal())
        if (0xD800..<0xDC00).contains(value) {
            guard source.matches("\\u", at: position) else { throw failure("a lone surrogate in a string") }
            position += 2
            let low = UInt32(try readHexadecimal())
            guard (0xDC00..<0xE000).contains(low) else { throw failure("a lone surrogate in a string") }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw failure("a lone surrogate in a string") }
        for unit in UTF8.encode(scalar) ?? .init() { tree.values.append(unit) }
    }

    private mutating func readHexadecimal() throws(DocumentError) -> UInt16 {
        guard position + 4 <= source.count else { throw failure("the text ends inside a string") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = source[position]
            let digit: UInt8 =
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
                case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
                case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
                default: throw failure("not a hexadecimal digit in an escape")
                }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
