internal import Files
internal import Sodium

/// One value of a file, or the file itself: bytes, whatever they are.
struct ReferencedContent: OpenedContent {
    let file: OpenedFile
    let keyPath: [UInt8]?

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        guard let keyPath else { return try file.stream(sink) }
        try file.withValue(at: keyPath, sink)
    }
}

/// A template's text with values in the place of its placeholders: `${file:keypath}` is the value at the key path of a
/// file of the tree, `${file}` a file's whole content, `$${` a `${` as it is. Every other byte stands for itself; values
/// are put in byte for byte and never looked at again. No value may hold a zero byte.
struct TemplateContent: OpenedContent {
    private enum Piece {
        /// Bytes of the template.
        case text(Range<Int>)
        /// A value, and the line of its placeholder.
        case value(OpenedFile, keyPath: [UInt8]?, line: Int)
    }

    private let template: OpenedFile
    private let pieces: [Piece]

    /// The longest template.
    private static let byteLimit: Int64 = 4 << 20

    /// Reads the placeholders of `template`, whose files are in `tree`. Throws `malformedContent` for one that is not
    /// closed or not well-formed, `sourceMissing` for a file that is not there, `limitExceeded`.
    init(_ template: OpenedFile, in tree: OpenedTree) throws(DeliveryError) {
        self.template = template
        guard template.byteCount <= TemplateContent.byteLimit else {
            throw DeliveryError(.limitExceeded, "\(template.path): too long for a template")
        }
        pieces = try template.held().withBytes { (text) throws(DeliveryError) in
            try TemplateContent.parse(text, template.path, tree)
        }
    }

    private static func parse(
        _ text: RawSpan, _ path: Path, _ tree: OpenedTree
    ) throws(DeliveryError) -> [Piece] {
        var pieces: [Piece] = []
        var (start, offset, line) = (0, 0, 1)
        func byte(_ place: Int) -> UInt8 { place < text.byteCount ? text[place] : 0 }
        while offset < text.byteCount {
            if byte(offset) == 0x0A { line += 1 }
            guard byte(offset) == 0x24 else {
                offset += 1
                continue
            }
            if byte(offset + 1) == 0x24, byte(offset + 2) == 0x7B {
                // The first of the two dollar signs goes.
                pieces.append(.text(start..<offset))
                start = offset + 1
                offset += 3
                continue
            }
            guard byte(offset + 1) == 0x7B else {
                offset += 1
                continue
            }
            guard let end = (offset..<text.byteCount).first(where: { byte($0) == 0x7D || byte($0) == 0x0A }),
                byte(end) == 0x7D
            else {
                throw DeliveryError(.malformedContent, "\(path):\(line): a placeholder that is not closed")
            }
            let reference: ValueReference
            do {
                reference = try ValueReference(parsing: text.extracting((offset + 2)..<end).array)
            } catch {
                throw DeliveryError(
                    .malformedContent, "\(path):\(line): a placeholder is ${file:keypath} or ${file}",
                    underlying: error)
            }
            pieces.append(.text(start..<offset))
            do throws(DeliveryError) {
                pieces.append(
                    .value(try tree.file(at: reference.file), keyPath: reference.keyPath, line: line))
            } catch {
                throw DeliveryError(error.code, "\(path):\(line): \(error.context)", underlying: error)
            }
            start = end + 1
            offset = end + 1
        }
        pieces.append(.text(start..<text.byteCount))
        return pieces
    }

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        let text = try template.held()
        for piece in pieces {
            switch piece {
            case .text(let range):
                try text.withBytes { (text) throws(DeliveryError) in
                    guard range.upperBound <= text.byteCount else {
                        throw DeliveryError(.cannotOpen, "\(template.path): changed while it was read")
                    }
                    try sink(text.extracting(range))
                }
            case .value(let file, let keyPath, let line):
                let place = "\(template.path):\(line)"
                try ReferencedContent(file: file, keyPath: keyPath).stream { (value) throws(DeliveryError) in
                    try value.requireText(place)
                    try sink(value)
                }
            }
        }
    }
}

/// Lines `NAME="value"` of the named values of files, which systemd's EnvironmentFile and Compose's `env_file` read as
/// those very bytes: backslash, double quote and dollar sign have a backslash before them, all else stands for itself,
/// line breaks too. A value with a dollar sign and without backslash and single quote is `'value'`, as it is: every
/// reader of such files takes that alike.
struct EnvironmentContent: OpenedContent {
    private let files: [OpenedFile]

    init(_ files: [OpenedFile]) { self.files = files }

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        var names: Set<[UInt8]> = []
        for file in files {
            try file.forEachValue { (name, value) throws(DeliveryError) in
                let shown = "\(file.path): \(Path(name))"
                guard EnvironmentContent.isName(name) else {
                    throw DeliveryError(.malformedContent, "\(shown): no name for an environment variable")
                }
                guard names.insert(name).inserted else {
                    throw DeliveryError(.malformedContent, "\(shown): a second value of this name")
                }
                try value.requireText(shown)
                guard !EnvironmentContent.isForSingleQuotes(value) else {
                    try (name + Array("='".utf8)).withBytes(sink)
                    try sink(value)
                    try Array("'\n".utf8).withBytes(sink)
                    return
                }
                try (name + Array("=\"".utf8)).withBytes(sink)
                try EnvironmentContent.escape(value, sink)
                try Array("\"\n".utf8).withBytes(sink)
            }
        }
    }

    /// Whether there is a dollar sign, and no backslash or single quote.
    private static func isForSingleQuotes(_ value: RawSpan) -> Bool {
        var hasDollar = false
        for offset in 0..<value.byteCount {
            switch value[offset] {
            case 0x24: hasDollar = true
            case 0x27, 0x5C: return false
            default: continue
            }
        }
        return hasDollar
    }

    private static func escape(
        _ value: RawSpan, _ sink: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        var start = 0
        for offset in 0..<value.byteCount where [0x22, 0x24, 0x5C].contains(value[offset]) {
            try sink(value.extracting(start..<offset))
            try [0x5C].withBytes(sink)
            start = offset
        }
        try sink(value.extracting(start..<value.byteCount))
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`
    private static func isName(_ name: [UInt8]) -> Bool {
        guard let first = name.first, !(0x30...0x39).contains(first) else { return false }
        return name.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x5F
        }
    }
}

extension RawSpan {
    /// Throws `malformedContent` for a zero byte, which no text holds (CASES.md F067).
    fileprivate func requireText(_ place: String) throws(DeliveryError) {
        guard !(0..<byteCount).contains(where: { self[$0] == 0 }) else {
            throw DeliveryError(.malformedContent, "\(place): the value holds a zero byte")
        }
    }
}
