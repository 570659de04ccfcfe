internal import Documents
internal import Sodium

/// Marks that stand elsewhere than as a whole value: in comments, keys, longer texts, in whatever spelling;
/// in YAML and JSON also in base64.
enum Marks {
    /// The line of the first mark in `placed` outside of its sealed values, or nil.
    static func firstStray(in placed: PlacedDocument) -> Int? {
        let isNested = placed.document.format.holdsObjects
        let ranges = placed.slots.filter(\.isSealed).map(\.range).sorted { $0.lowerBound < $1.lowerBound }
        return placed.document.bytes.withBytes { text in
            var start = 0
            for range in ranges + [text.byteCount..<text.byteCount] {
                // A mark that begins before a token can't end inside it: what stands between is searched alone.
                if range.lowerBound > start {
                    let between = text.extracting(start..<range.lowerBound)
                    let wrapped = isNested ? SealedToken.firstWrappedMark(in: between) : nil
                    if let mark = SealedToken.firstMarkInAnySpelling(in: between) ?? wrapped {
                        return line(of: start + mark, in: text)
                    }
                }
                start = max(start, range.upperBound)
            }
            return nil
        }
    }

    /// The line, from 1, of the byte at `offset`.
    static func line(of offset: Int, in text: RawSpan) -> Int {
        var line = 1
        for position in 0..<offset where text[position] == 0x0A { line += 1 }
        return line
    }
}
