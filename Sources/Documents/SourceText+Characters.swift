extension SourceText {
    /// Refuses what is not UTF-8, control characters but tab and line ends, and a carriage return that ends
    /// no line: readers differ on what these are. Other characters are kept as they are.
    ///
    /// - Throws: `encoding` with the line.
    func checkCharacters() throws(DocumentError) {
        guard !hasPrefix([0xFF, 0xFE]), !hasPrefix([0xFE, 0xFF]) else {
            throw DocumentError(.encoding, line: 1, context: "UTF-16 text; only UTF-8 is read")
        }
        var line = 1
        var position = 0
        while position < count {
            let byte = self[position]
            switch byte {
            case 0x0A:
                line += 1
            case 0x0D:
                guard self.byte(position + 1) == 0x0A else {
                    throw DocumentError(
                        .encoding, line: line, context: "a carriage return that ends no line")
                }
            case 0x09, 0x20...0x7F: break
            case 0x00...0x1F:
                throw DocumentError(.encoding, line: line, context: "a control character")
            default:
                let width = characterWidth(at: position)
                guard width > 0 else { throw DocumentError(.encoding, line: line, context: "not UTF-8") }
                position += width - 1
            }
            position += 1
        }
    }

    /// Where a byte order mark at the start ends: 3, or 0 where there is none.
    var startAfterMark: Int { hasPrefix([0xEF, 0xBB, 0xBF]) ? 3 : 0 }

    /// Whether a line ends at an offset, or the text: the text has been through ``checkCharacters()``.
    func isLineEnd(_ offset: Int) -> Bool {
        offset >= count || self[offset] == 0x0A || self[offset] == 0x0D
    }

    /// The first offset from `start` on that holds neither space nor tab.
    func skippingBlanks(from start: Int) -> Int {
        var position = start
        while byte(position) == 0x20 || byte(position) == 0x09 { position += 1 }
        return position
    }

    /// The first offset from `start` on at which a line ends.
    func lineEnd(from start: Int) -> Int {
        var position = start
        while !isLineEnd(position) { position += 1 }
        return position
    }

    /// The end of a range without the spaces and tabs before it.
    func trimmedEnd(_ range: Range<Int>) -> Int {
        var end = range.upperBound
        while end > range.lowerBound, byte(end - 1) == 0x20 || byte(end - 1) == 0x09 { end -= 1 }
        return end
    }

    /// The number of characters in a range.
    func characterCount(_ range: Range<Int>) -> Int {
        range.reduce(0) { byte($1) & 0xC0 == 0x80 ? $0 : $0 + 1 }
    }

    /// Lends the bytes of a text within its limits to a reader.
    ///
    /// - Throws: `limit` where the text is too large, and what the reader throws.
    static func lending(
        _ bytes: RawSpan, limits: DocumentLimits, _ body: (SourceText) throws(DocumentError) -> NodeTree
    ) throws(DocumentError) -> NodeTree {
        guard bytes.byteCount <= limits.byteCount, bytes.byteCount < Int32.max else {
            throw DocumentError(.limit, context: "the text is larger than \(limits.byteCount) bytes")
        }
        let result = unsafe bytes.withUnsafeBytes { source -> Result<NodeTree, DocumentError> in
            do throws(DocumentError) {
                return .success(try body(unsafe SourceText(source)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
