internal import CYAML
internal import Glibc

/// Scalars: what of the text is theirs. libyaml's marks take in anchor and tag, and the blank lines after
/// a block scalar.
extension YAMLTreeReader {
    mutating func addScalar(_ event: borrowing yaml_event_t) throws(DocumentError) {
        let data = unsafe event.data.scalar
        let (startMark, endMark) = unsafe (event.start_mark, event.end_mark)
        let style: NodeTree.Style =
            switch unsafe data.style {
            case YAML_SINGLE_QUOTED_SCALAR_STYLE: .single
            case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .double
            case YAML_LITERAL_SCALAR_STYLE: .literal
            case YAML_FOLDED_SCALAR_STYLE: .folded
            default: .plain
            }
        var node = blank(.scalar, style)
        if unsafe data.plain_implicit != 0 { node.flags.insert(.plainImplicit) }
        if unsafe data.quoted_implicit != 0 { node.flags.insert(.quotedImplicit) }
        let first = offsets.byteOffset(startMark.index)
        let end = offsets.byteOffset(endMark.index)
        node.line = Int32(clamping: startMark.line)
        node.column = Int32(clamping: startMark.column)
        var start = first
        let hasProperties = unsafe data.anchor != nil || data.tag != nil
        if hasProperties { start = passProperties(first, end, &node) }
        if start >= end, style == .plain {
            node.style = .absent
            start = end
        }
        node.start = Int32(start)
        node.end = Int32(style == .literal || style == .folded ? blockEnd(start, end) : end)
        let index = try add(node)
        unsafe setValue(index, data.value, data.length)
        try unsafe addProperties(index, data.anchor, data.tag, from: first)
        if unsafe data.anchor != nil { expandedSizes[index] = 1 }
        lastEnd = node.end
    }

    /// The beginning of the scalar behind its anchor and tag, or the end of these where nothing follows.
    private func passProperties(_ first: Int, _ end: Int, _ node: inout NodeTree.Node) -> Int {
        var position = first
        var column = node.column
        let isFlow = node.flags.contains(.inFlow)
        func byte(_ offset: Int) -> UInt8 { offset < end ? source[offset] : 0 }
        while position < end {
            switch byte(position) {
            case UInt8(ascii: "&"):
                repeat { position += 1; column += 1 } while Self.isAnchor(byte(position))
            case UInt8(ascii: "!"):
                let isVerbatim = byte(position + 1) == UInt8(ascii: "<")
                while position < end, !Self.isBlankOrBreak(byte(position)) {
                    if isFlow, !isVerbatim, byte(position) == UInt8(ascii: ",") { break }
                    position += 1
                    column += 1
                    if isVerbatim, byte(position - 1) == UInt8(ascii: ">") { break }
                }
            case UInt8(ascii: "#"):
                while position < end, wideBreak(position) == 0, byte(position) != 0x0A, byte(position) != 0x0D
                {
                    position += 1
                }
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                position += 1
                column += 1
            case 0x0A:
                position += 1
                node.line += 1
                column = 0
            case 0x0D:
                position += 1
                if byte(position) != 0x0A {
                    node.line += 1
                    column = 0
                }
            default:
                let width = wideBreak(position)
                guard width > 0 else {
                    node.column = column
                    return position
                }
                position += width
                node.line += 1
                column = 0
            }
        }
        node.column = column
        return end
    }

    /// The end of a block scalar's last line that isn't blank (its header at least), without the line
    /// break. Blank lines after it belong to the document.
    private func blockEnd(_ start: Int, _ end: Int) -> Int {
        var position = end
        while true {
            if position > start, source[position - 1] == 0x0A { position -= 1 }
            if position > start, source[position - 1] == 0x0D { position -= 1 }
            let lineEnd = position
            while position > start, source[position - 1] == 0x20 || source[position - 1] == 0x09 {
                position -= 1
            }
            guard position > start, source[position - 1] == 0x0A || source[position - 1] == 0x0D else {
                return lineEnd
            }
        }
    }

    private mutating func setValue(_ index: Int32, _ value: UnsafeMutablePointer<UInt8>?, _ count: Int) {
        let node = tree.nodes[Int(index)]
        let inset: Int32 = node.style == .single || node.style == .double ? 1 : 0
        let start = node.start + inset
        tree.nodes[Int(index)].valueCount = Int32(count)
        tree.nodes[Int(index)].valueStart = start
        guard count > 0, let value = unsafe value else { return }
        if Int(node.end - inset - start) == count, unsafe source.matches(value, at: Int(start), count: count)
        {
            return
        }
        tree.nodes[Int(index)].flags.insert(.decoded)
        tree.nodes[Int(index)].valueStart = Int32(tree.values.count)
        unsafe tree.values.append(UnsafeRawBufferPointer(start: value, count: count))
    }

    /// The size of a NEL, LS or PS at this offset, which end lines in YAML 1.1; 0 for anything else.
    private func wideBreak(_ position: Int) -> Int {
        let (first, second) = (source.byte(position), source.byte(position + 1))
        if first == 0xC2, second == 0x85 { return 2 }
        return first == 0xE2 && second == 0x80 && source.byte(position + 2) & 0xFE == 0xA8 ? 3 : 0
    }

    private static func isAnchor(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isBlankOrBreak(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
