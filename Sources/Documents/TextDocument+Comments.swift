extension TextDocument {
    /// Lends the comment that belongs to a value: what stands behind `#` on the line where the value ends (for a block
    /// scalar: on the line of its header), and on each comment line directly above the line on which its key begins.
    /// In INI whole lines alone are comments, and `;` begins them too. JSON has none.
    ///
    /// - Parameter body: Takes one line's comment at a time, without its mark; returns whether to go on.
    package func forEachComment(of slot: Slot, _ body: (RawSpan) -> Bool) {
        guard format != .json else { return }
        bytes.withRawSpan { source in
            let behind =
                switch format {
                case .yaml: comment(behind: slot.node)
                case .dotenv, .toml: lexicalComment(from: slot.range.upperBound)
                case .ini, .json: Range<Int>?.none
                }
            if let behind, !body(source.extracting(behind)) { return }
            for comment in comments(above: slot.node) where !body(source.extracting(comment)) { return }
        }
    }

    /// Whether a comment that belongs to a value holds `text`.
    package func hasComment(_ text: [UInt8], at slot: Slot) -> Bool {
        var isFound = false
        forEachComment(of: slot) { comment in
            isFound = comment.contains(text)
            return !isFound
        }
        return isFound
    }

    /// The comment on the line on which a scalar ends, scalars behind it on that line passed over.
    private func comment(behind index: Int) -> Range<Int>? {
        let node = tree.nodes[index]
        let isBlock = node.style == .literal || node.style == .folded
        var position = isBlock ? Int(node.start) : Int(node.end)
        let end = lineEnd(from: position)
        var next = index + 1
        while position < end {
            while next < tree.nodes.count, !isLeaf(next) || Int(tree.nodes[next].end) <= position {
                next += 1
            }
            if !isBlock, next < tree.nodes.count, Int(tree.nodes[next].start) <= position {
                position = Int(tree.nodes[next].end)
                continue
            }
            let isSeparated = position > 0 && (bytes[position - 1] == 0x20 || bytes[position - 1] == 0x09)
            if bytes[position] == UInt8(ascii: "#"), isSeparated { return (position + 1)..<end }
            position += 1
        }
        return nil
    }

    /// The comment on the line at `start`, which is behind a value of TOML or dotenv: strings that follow on the line are
    /// passed over; a string of several lines ends the search.
    private func lexicalComment(from start: Int) -> Range<Int>? {
        let end = lineEnd(from: start)
        var position = start
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "#"):
                return (position + 1)..<end
            case let quote where quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"):
                position += 1
                while position < end, bytes[position] != quote {
                    position += bytes[position] == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1
                }
                position += 1
            default:
                position += 1
            }
        }
        return nil
    }

    /// The comment lines directly above the line on which a value's key begins, the nearest first.
    private func comments(above index: Int) -> [Range<Int>] {
        let node = tree.nodes[index]
        let isPair = node.parent >= 0 && tree.nodes[Int(node.parent)].kind == .mapping
        let first = isPair ? tree.key(of: index) : index
        // What stands inside an earlier scalar is no comment: leaves follow each other without overlap.
        // In TOML the nodes are not in the order of the text.
        let boundary =
            format == .toml ? 0 : (0..<first).last(where: isLeaf).map { Int(tree.nodes[$0].end) } ?? 0
        var comments: [Range<Int>] = []
        var start = lineStart(of: Int(tree.nodes[first].start))
        while start > 0 {
            let end = start - 1
            start = lineStart(of: end)
            guard start >= boundary else { break }
            guard let mark = bytes[start..<end].firstIndex(where: { $0 != 0x20 && $0 != 0x09 }),
                bytes[mark] == UInt8(ascii: "#") || (format == .ini && bytes[mark] == UInt8(ascii: ";"))
            else { break }
            guard format != .toml || !standsInString(mark) else { break }
            comments.append((mark + 1)..<end)
        }
        return comments
    }

    /// Whether a string of TOML that has several lines holds the byte at `offset`.
    private func standsInString(_ offset: Int) -> Bool {
        tree.nodes.contains { node in
            (node.style == .tripleDouble || node.style == .tripleSingle)
                && Int(node.start) <= offset && offset < Int(node.end)
        }
    }

    private func isLeaf(_ index: Int) -> Bool {
        tree.nodes[index].kind == .scalar || tree.nodes[index].kind == .alias
    }

    /// The offset of the first byte of the line that holds the byte at `offset`.
    func lineStart(of offset: Int) -> Int {
        var start = offset
        while start > 0, bytes[start - 1] != 0x0A { start -= 1 }
        return start
    }

    /// The offset of the line feed at or behind `offset`; the text's end where there is none.
    func lineEnd(from offset: Int) -> Int {
        var end = offset
        while end < bytes.count, bytes[end] != 0x0A { end += 1 }
        return end
    }
}

extension RawSpan {
    /// Whether `word` stands anywhere in the bytes; an empty word does.
    fileprivate func contains(_ word: [UInt8]) -> Bool {
        guard byteCount >= word.count else { return false }
        return word.withRawSpan { word in
            (0...(byteCount - word.byteCount)).contains { offset in
                extracting(offset..<(offset + word.byteCount)).isEqual(to: word)
            }
        }
    }
}
