/// The text of a merge in the making: what both sides agree on, and what they don't.
struct MergedText {
    /// A piece of the text.
    enum Piece {
        /// What is in the result.
        case common(ArraySlice<UInt8>)
        /// What the two sides have in one place.
        case conflict(ours: [UInt8], theirs: [UInt8])
    }

    private(set) var pieces: [Piece] = []

    /// Whether anything is left to people.
    var hasConflicts: Bool {
        pieces.contains { piece in
            if case .conflict = piece { true } else { false }
        }
    }

    /// Adds what is in the result.
    mutating func append(_ text: ArraySlice<UInt8>) {
        if !text.isEmpty { pieces.append(.common(text)) }
    }

    /// Adds what the two sides have in one place.
    mutating func append(ours: ArraySlice<UInt8>, theirs: ArraySlice<UInt8>) {
        pieces.append(.conflict(ours: Array(ours), theirs: Array(theirs)))
    }

    /// The text as it is where every conflict goes to one side.
    func resolved(forOurs: Bool) -> [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .common(let text): result += text
            case .conflict(let ours, let theirs): result += forOurs ? ours : theirs
            }
        }
        return result
    }

    /// The text with markers of `markerSize` characters around the lines of each conflict, as git-merge-file(1)
    /// writes them.
    func marked(markerSize: Int) -> [UInt8] {
        var writer = MarkerWriter(markerSize: markerSize)
        for piece in pieces {
            switch piece {
            case .common(let text): writer.write(text)
            case .conflict(let ours, let theirs): writer.write(ours: ours, theirs: theirs)
            }
        }
        return writer.finish()
    }
}

/// Widens conflicts to whole lines.
private struct MarkerWriter {
    let markerSize: Int
    private var result: [UInt8] = []
    /// The lines of the two sides, while they differ.
    private var open: (ours: [UInt8], theirs: [UInt8])?

    init(markerSize: Int) { self.markerSize = markerSize }

    mutating func write(_ text: ArraySlice<UInt8>) {
        guard var sides = open else {
            result += text
            return
        }
        guard !Self.isLineStart(sides.ours) || !Self.isLineStart(sides.theirs) else {
            close()
            result += text
            return
        }
        let end = text.firstIndex(of: 0x0A).map { $0 + 1 } ?? text.endIndex
        sides.ours += text[..<end]
        sides.theirs += text[..<end]
        open = sides
        guard end < text.endIndex else { return }
        close()
        result += text[end...]
    }

    mutating func write(ours: [UInt8], theirs: [UInt8]) {
        if let sides = open, Self.isLineStart(sides.ours), Self.isLineStart(sides.theirs) { close() }
        guard let sides = open else {
            let start = result.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            let line = Array(result[start...])
            result.removeSubrange(start...)
            open = (line + ours, line + theirs)
            return
        }
        open = (sides.ours + ours, sides.theirs + theirs)
    }

    mutating func finish() -> [UInt8] {
        close()
        return result
    }

    /// Writes the two sides, without the lines that they have in common before and behind.
    private mutating func close() {
        guard let sides = open else { return }
        open = nil
        var (ours, theirs) = (Self.lines(sides.ours)[...], Self.lines(sides.theirs)[...])
        while let line = ours.first, line == theirs.first {
            result += line
            (ours, theirs) = (ours.dropFirst(), theirs.dropFirst())
        }
        var behind: [ArraySlice<UInt8>] = []
        while let line = ours.last, line == theirs.last {
            behind.append(line)
            (ours, theirs) = (ours.dropLast(), theirs.dropLast())
        }
        if !ours.isEmpty || !theirs.isEmpty {
            let isWindows = (ours.first ?? theirs.first)?.suffix(2).elementsEqual([0x0D, 0x0A]) == true
            let lineEnd: [UInt8] = isWindows ? [0x0D, 0x0A] : [0x0A]
            mark("<", " ours", lineEnd)
            write(ours, lineEnd)
            mark("=", "", lineEnd)
            write(theirs, lineEnd)
            mark(">", " theirs", lineEnd)
        }
        for line in behind.reversed() { result += line }
    }

    private mutating func write(_ lines: ArraySlice<ArraySlice<UInt8>>, _ lineEnd: [UInt8]) {
        for line in lines { result += line }
        if let last = lines.last, last.last != 0x0A { result += lineEnd }
    }

    private mutating func mark(_ sign: Character, _ label: String, _ lineEnd: [UInt8]) {
        result += Array((String(repeating: sign, count: markerSize) + label).utf8) + lineEnd
    }

    private static func isLineStart(_ text: [UInt8]) -> Bool { text.isEmpty || text.last == 0x0A }

    private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? text.count
            lines.append(text[start..<end])
            start = end
        }
        return lines
    }
}
