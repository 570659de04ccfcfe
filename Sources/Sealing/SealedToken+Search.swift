internal import Sodium

extension SealedToken {
    /// What a text must not hold when it leaves opened (FORMAT.md §2.2).
    package enum Mark: Equatable, Sendable {
        /// `sealed.v`, digits, `.`: a token of ours, of whatever version.
        case token
        /// `ENC[AES256_GCM,`: a value that SOPS encrypted.
        case sops
    }

    /// Whether `text` begins as a token of whatever version does: `sealed.v`, digits, `.`.
    ///
    /// Such a scalar is never taken for plain text: it parses as a token or is refused.
    package static func isMarked(_ text: RawSpan) -> Bool {
        version(of: text) != nil
    }

    /// The first mark in `text` and its offset, or nil where there is none.
    package static func firstMark(in text: RawSpan) -> (mark: Mark, offset: Int)? {
        var offset = 0
        let end = text.byteCount
        while offset < end {
            let byte = text[offset]
            if byte == 0x73, begins(text, at: offset, with: prefix), markEnd(text, at: offset) != nil {
                return (.token, offset)
            }
            if byte == 0x45, begins(text, at: offset, with: sopsPrefix) { return (.sops, offset) }
            offset += 1
        }
        return nil
    }

    /// Whether a token or SOPS marker stands anywhere in `text`. Delivering or emitting such text is refused.
    package static func containsMark(_ text: RawSpan) -> Bool {
        firstMark(in: text) != nil
    }

    /// As `containsMark(_: RawSpan)`.
    package static func containsMark(_ text: [UInt8]) -> Bool {
        text.withBytes { containsMark($0) }
    }

    /// The digits of the version, where `text` begins with a mark.
    static func version(of text: RawSpan) -> [UInt8]? {
        guard begins(text, at: 0, with: prefix), let end = markEnd(text, at: 0) else { return nil }
        return text.extracting(prefix.count..<(end - 1)).array
    }

    private static let prefix = Array("sealed.v".utf8)
    private static let sopsPrefix = Array("ENC[AES256_GCM,".utf8)

    /// The offset behind the point that ends the mark at `offset`; nil where no digits and point follow.
    private static func markEnd(_ text: RawSpan, at offset: Int) -> Int? {
        let start = offset + prefix.count
        var position = start
        while position < text.byteCount, (0x30...0x39).contains(text[position]) { position += 1 }
        guard position > start, position < text.byteCount, text[position] == 0x2E else { return nil }
        return position + 1
    }

    private static func begins(_ text: RawSpan, at offset: Int, with word: [UInt8]) -> Bool {
        guard text.byteCount - offset >= word.count else { return false }
        return word.indices.allSatisfy { text[offset + $0] == word[$0] }
    }
}
