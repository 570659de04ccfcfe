/// Byte offsets of libyaml's marks, which count characters and leave out a byte order mark at the start.
/// A cursor walks from mark to mark: marks follow each other closely, so that the whole is linear.
struct MarkOffsets {
    private let source: SourceText
    private let base: Int
    private let isASCII: Bool
    private var character = 0
    private var byte: Int

    /// Makes the offsets of a UTF-8 text.
    init(_ source: SourceText) {
        self.source = source
        base = source.hasPrefix([0xEF, 0xBB, 0xBF]) ? 3 : 0
        byte = base
        isASCII = source.isASCII(from: base)
    }

    /// The byte offset of a character index, at most the size of the text.
    mutating func byteOffset(_ index: Int) -> Int {
        guard !isASCII else { return min(base + index, source.count) }
        while character < index, byte < source.count {
            byte += 1
            while source.byte(byte) & 0xC0 == 0x80 { byte += 1 }
            character += 1
        }
        while character > index, byte > base {
            byte -= 1
            while byte > base, source.byte(byte) & 0xC0 == 0x80 { byte -= 1 }
            character -= 1
        }
        return byte
    }
}
