/// Moves the lines of a block scalar when the collection around it stands at another column than it did
/// at sealing (DESIGN.md 5.3). Empty lines stay empty; blank lines give what they have.
struct Reindentation {
    /// By how many columns; negative to the left.
    let shift: Int

    /// The size of the moved source, nil where a line has too little indentation to move left.
    func byteCount(of source: RawSpan) -> Int? {
        guard shift != 0 else { return source.byteCount }
        var count = source.byteCount
        let isPossible = forEachLine(of: source) { start, indentation, end in
            if shift > 0 {
                count += start == end ? 0 : shift
                return true
            }
            guard indentation >= -shift || start + indentation == end else { return false }
            count -= min(indentation, -shift)
            return true
        }
        return isPossible ? count : nil
    }

    /// Writes the moved source at an offset.
    func write(_ source: RawSpan, into target: inout MutableRawSpan, at offset: Int) {
        guard shift != 0 else {
            target.write(source, at: offset)
            return
        }
        var position = offset
        var copied = 0
        for line in lineStarts(of: source) {
            target.write(source.extracting(copied..<line.start), at: position)
            position += line.start - copied
            copied = line.start
            if shift > 0, line.start != line.end {
                for _ in 0..<shift {
                    target.write(0x20, at: position)
                    position += 1
                }
            } else if shift < 0 {
                copied += min(line.indentation, -shift)
            }
        }
        target.write(source.extracting(copied..<source.byteCount), at: position)
    }

    private func lineStarts(of source: RawSpan) -> [(start: Int, indentation: Int, end: Int)] {
        var lines: [(start: Int, indentation: Int, end: Int)] = []
        _ = forEachLine(of: source) { start, indentation, end in
            lines.append((start, indentation, end))
            return true
        }
        return lines
    }

    /// Each line but the first: where it begins, its leading spaces, where it ends before its break.
    private func forEachLine(
        of source: RawSpan, _ body: (_ start: Int, _ indentation: Int, _ end: Int) -> Bool
    ) -> Bool {
        var position = 0
        while position < source.byteCount {
            guard source[position] == 0x0A else {
                position += 1
                continue
            }
            let start = position + 1
            var indentation = 0
            while source.byte(at: start + indentation) == 0x20 { indentation += 1 }
            position = start + indentation
            while position < source.byteCount, source[position] != 0x0A { position += 1 }
            let end =
                position > start && position < source.byteCount && source[position - 1] == 0x0D
                ? position - 1 : position
            guard body(start, indentation, end) else { return false }
        }
        return true
    }
}

extension MutableRawSpan {
    /// Copies bytes to an offset. Traps outside of the bounds.
    mutating func write(_ bytes: RawSpan, at offset: Int) {
        precondition(offset >= 0 && offset + bytes.byteCount <= byteCount)
        unsafe bytes.withUnsafeBytes { source in
            unsafe withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
            }
        }
    }

    /// Puts one byte at an offset. Traps outside of the bounds.
    mutating func write(_ byte: UInt8, at offset: Int) {
        precondition(offset >= 0 && offset < byteCount)
        storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
}
