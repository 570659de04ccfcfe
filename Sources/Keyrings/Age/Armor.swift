internal import Encodings
internal import Sodium

/// The text form of age files (C2SP age.md, "ASCII armor"): strict PEM with 64 columns, padded canonical base64,
/// no headers.
package enum Armor {
    static let begin = Array("-----BEGIN AGE ENCRYPTED FILE-----".utf8)
    static let end = Array("-----END AGE ENCRYPTED FILE-----".utf8)
    static let columns = 64
    static let lineByteCount = 48
    /// The most white space that is passed over before the first line, and after the last: as stock age.
    static let whiteSpaceLimit = 1_024

    /// Whether `file` is meant to be armored: its first line that isn't blank begins with `-----BEGIN`.
    package static func isArmored(_ file: RawSpan) -> Bool { begins(file, with: "-----BEGIN") }

    /// Whether `file` is meant to be an armored age file: that line goes on as an age file's does.
    package static func isArmoredAge(_ file: RawSpan) -> Bool { begins(file, with: "-----BEGIN AGE ") }

    /// Whether the first line of `file` that isn't blank begins with `words`.
    private static func begins(_ file: RawSpan, with words: StaticString) -> Bool {
        let marker = Array(words.description.utf8)
        var offset = 0
        while offset < min(file.byteCount, whiteSpaceLimit), isWhiteSpace(file[offset]) { offset += 1 }
        guard file.byteCount - offset >= marker.count else { return false }
        return marker.indices.allSatisfy { file[offset + $0] == marker[$0] }
    }

    /// The armored text of `bytes`, with a line feed at the end.
    package static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = ArmorEncoder()
        return bytes.withBytes { encoder.update($0) } + encoder.finish()
    }

    /// The bytes in the armored `text`. Throws `armor`.
    package static func decode(_ text: RawSpan) throws(AgeError) -> [UInt8] {
        var decoder = ArmorDecoder()
        let bytes = try decoder.update(text)
        return try bytes + decoder.finish()
    }

    /// As `decode(_:)`.
    package static func decode(_ text: [UInt8]) throws(AgeError) -> [UInt8] {
        try text.withBytes { (text) throws(AgeError) in try decode(text) }
    }

    /// Space, tab, line feed, vertical tab, form feed or carriage return.
    static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}

/// Writes armor from pieces of any size. What goes in and comes out is ciphertext.
package struct ArmorEncoder: Sendable {
    private var pending: [UInt8] = []
    private var isStarted = false

    /// An encoder that has written nothing.
    package init() {}

    /// The text that `bytes` complete.
    package mutating func update(_ bytes: RawSpan) -> [UInt8] {
        var text = start()
        pending += bytes.array
        let whole = pending.count / Armor.lineByteCount * Armor.lineByteCount
        for offset in stride(from: 0, to: whole, by: Armor.lineByteCount) {
            text +=
                Base64.standard.encodeBytes(Array(pending[offset..<(offset + Armor.lineByteCount)])) + [0x0A]
        }
        pending.removeFirst(whole)
        return text
    }

    /// The rest of the text: the last line, if it is short, and the end line.
    package mutating func finish() -> [UInt8] {
        let line = pending.isEmpty ? [] : Base64.standard.encodeBytes(pending) + [0x0A]
        return start() + line + Armor.end + [0x0A]
    }

    private mutating func start() -> [UInt8] {
        guard !isStarted else { return [] }
        isStarted = true
        return Armor.begin + [0x0A]
    }
}

/// Reads armor from pieces of any size; lines may end with LF or CRLF. After an error every call throws it again.
package struct ArmorDecoder: Sendable {
    private enum Place { case leading, body, last, trailing }

    private var place = Place.leading
    private var line: [UInt8] = []
    private var whiteSpace = 0
    private var failure: AgeError?

    /// A decoder that has read nothing.
    package init() {}

    /// The bytes that `text` completes. Throws `armor`.
    package mutating func update(_ text: RawSpan) throws(AgeError) -> [UInt8] {
        if let failure { throw failure }
        do throws(AgeError) {
            return try take(text)
        } catch {
            failure = error
            throw error
        }
    }

    /// Takes the end of the text; the bytes that its last line still holds are none. Throws `armor` where the end
    /// line is missing.
    package mutating func finish() throws(AgeError) -> [UInt8] {
        if let failure { throw failure }
        do throws(AgeError) {
            // The end line may lack its line feed; in any other place that is a truncated file.
            let isEndLine = place == .body || place == .last
            if isEndLine, !line.isEmpty { _ = try takeLine() }
            guard place == .trailing else { throw AgeError(.armor, "the armor's end line is missing") }
            return []
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func take(_ text: RawSpan) throws(AgeError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.byteCount / 4 * 3)
        for offset in 0..<text.byteCount {
            let byte = text[offset]
            if place == .trailing {
                guard Armor.isWhiteSpace(byte) else {
                    throw AgeError(.armor, "bytes after the armor's end line")
                }
                try countWhiteSpace(1)
                continue
            }
            guard byte != 0x0A else {
                bytes += try takeLine()
                continue
            }
            // No line of armor is longer than 64 columns and a carriage return; a blank one before may be.
            guard line.count <= (place == .leading ? Armor.whiteSpaceLimit : Armor.columns) else {
                throw AgeError(.armor, "armor line above 64 columns")
            }
            line.append(byte)
        }
        return bytes
    }

    /// Takes the line that was read, and gives the bytes that it holds.
    private mutating func takeLine() throws(AgeError) -> [UInt8] {
        if line.last == 0x0D { line.removeLast() }
        let line = self.line
        self.line = []
        switch place {
        case .leading:
            if line.allSatisfy(Armor.isWhiteSpace) {
                try countWhiteSpace(line.count + 1)
            } else {
                guard line == Armor.begin else { throw AgeError(.armor, "malformed begin line of armor") }
                place = .body
                whiteSpace = 0
            }
            return []
        case .body where line != Armor.end:
            return try takeBody(line)
        case .body, .last, .trailing:
            guard line == Armor.end else { throw AgeError(.armor, "malformed end line of armor") }
            place = .trailing
            return []
        }
    }

    private mutating func takeBody(_ line: [UInt8]) throws(AgeError) -> [UInt8] {
        guard !line.isEmpty else { throw AgeError(.armor, "empty line in armor") }
        guard line.count <= Armor.columns else { throw AgeError(.armor, "armor line above 64 columns") }
        let bytes: [UInt8]
        do {
            bytes = try Base64.standard.decode(line)
        } catch {
            throw AgeError(.armor, "malformed line of armor", underlying: error)
        }
        if bytes.count < Armor.lineByteCount { place = .last }
        return bytes
    }

    private mutating func countWhiteSpace(_ count: Int) throws(AgeError) {
        whiteSpace += count
        guard whiteSpace <= Armor.whiteSpaceLimit else {
            throw AgeError(.armor, "more than \(Armor.whiteSpaceLimit) bytes of white space around armor")
        }
    }
}
