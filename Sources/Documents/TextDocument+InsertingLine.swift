extension TextDocument {
    /// A pair on a line of its own, in formats that are lines of pairs: behind the last pair that stands in the
    /// mapping itself, and like it where it can be.
    func lineInsertion(_ key: [UInt8], _ value: [UInt8], into mapping: Int) -> Insertion {
        let node = tree.nodes[mapping]
        let last = lastScalarPair(of: mapping)
        let entry = (last.map { lead(of: $0.key) } ?? []) + key + separator(of: last) + value
        let lineEnd = self.lineEnd
        guard Int(node.end) > 0 else {
            // A root without pairs: at the end of comments, but before whatever mappings follow.
            let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            guard tree.nodes.count == 1 else { return Insertion(offset: start, bytes: entry + lineEnd) }
            let isEnded = bytes.count == start || bytes.last == 0x0A
            return Insertion(offset: bytes.count, bytes: (isEnded ? [] : lineEnd) + entry + lineEnd)
        }
        guard let end = bytes[Int(node.end)...].firstIndex(of: 0x0A) else {
            return Insertion(offset: bytes.count, bytes: lineEnd + entry)
        }
        return Insertion(offset: end + 1, bytes: entry + lineEnd)
    }

    /// The last pair of a mapping whose value is a scalar.
    private func lastScalarPair(of mapping: Int) -> (key: NodeTree.Node, value: NodeTree.Node)? {
        var last: (key: NodeTree.Node, value: NodeTree.Node)?
        for child in tree.children(of: mapping) where tree.nodes[child].flags.contains(.key) {
            guard tree.nodes[child + 1].kind == .scalar else { continue }
            last = (tree.nodes[child], tree.nodes[child + 1])
        }
        return last
    }

    /// What stands before a key on its line: blanks, in dotenv also `export`.
    private func lead(of key: NodeTree.Node) -> [UInt8] {
        var start = Int(key.start)
        while start > 0, bytes[start - 1] != 0x0A { start -= 1 }
        if start == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
        let lead = bytes[start..<Int(key.start)]
        let isBlank = lead.allSatisfy { $0 == 0x20 || $0 == 0x09 }
        if isBlank || format == .dotenv { return Array(lead) }
        return Array(lead.prefix { $0 == 0x20 || $0 == 0x09 })
    }

    /// What stands between key and value: as in the pair before, unless that has no value on its line.
    private func separator(of last: (key: NodeTree.Node, value: NodeTree.Node)?) -> [UInt8] {
        let standard = Array((format == .dotenv ? "=" : " = ").utf8)
        guard format != .toml, let last, last.value.style != .absent else { return standard }
        return Array(bytes[Int(last.key.end)..<Int(last.value.start)])
    }

    /// The line end of the text: CR LF where the first line ends so.
    private var lineEnd: [UInt8] {
        guard let first = bytes.firstIndex(of: 0x0A), first > 0, bytes[first - 1] == 0x0D else {
            return [0x0A]
        }
        return [0x0D, 0x0A]
    }
}
