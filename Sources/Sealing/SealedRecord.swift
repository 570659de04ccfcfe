internal import Sodium

/// What is inside a token: how the scalar was written, and its source text (FORMAT.md §3.3).
package enum SealedRecord {
    /// Bytes before the source: version, format, style, indentation.
    static let headByteCount = 5
    private static let version: UInt8 = 1

    /// The text format that a source text is of. Codes are for good.
    package enum Format: UInt8, Sendable {
        case yaml = 1
        case json = 2
        case dotenv = 3
        case ini = 4
        case toml = 5
    }

    /// How a scalar is written. Codes are for good; each format uses some of them.
    package enum Style: UInt8, Sendable {
        /// A value of no characters, in dotenv and INI or as a YAML null: in YAML sealing inserted a space before the
        /// token, opening takes it out.
        case empty = 0
        /// Bare: a YAML plain scalar; a JSON number, `true`, `false` or `null`; an unquoted value of dotenv or
        /// TOML; every value of INI.
        case plain = 1
        /// In single quotes.
        case single = 2
        /// In double quotes.
        case double = 3
        /// A YAML literal block scalar.
        case literal = 4
        /// A YAML folded block scalar.
        case folded = 5
        /// In three double quotes, in TOML.
        case tripleDouble = 6
        /// In three single quotes, in TOML.
        case tripleSingle = 7
    }

    /// The fixed part of a record.
    package struct Head: Hashable, Sendable {
        /// The format of the document.
        package let format: Format
        /// The style of the scalar.
        package let style: Style
        /// The indentation of the scalar's parent when it was sealed, in columns: a block scalar opens
        /// re-indented where its surroundings were.
        package let indentation: UInt16

        /// Makes a head.
        package init(format: Format, style: Style, indentation: UInt16) {
            self.format = format
            self.style = style
            self.indentation = indentation
        }

        /// Whether the style exists in the format.
        package var isConsistent: Bool {
            switch format {
            case .yaml: style != .tripleDouble && style != .tripleSingle
            case .json: style == .plain || style == .double
            case .dotenv: [.empty, .plain, .single, .double].contains(style)
            case .ini: style == .empty || style == .plain
            case .toml: [.plain, .single, .double, .tripleDouble, .tripleSingle].contains(style)
            }
        }
    }

    /// The padded record of `source`, in guarded memory.
    ///
    /// Throws `limitExceeded` above 1 MiB, `nestedToken` where the source holds a token or marker already.
    static func pad(_ source: RawSpan, _ head: Head) throws(SealingError) -> SecretBytes {
        precondition(head.isConsistent, "a style that its format does not have")
        guard source.byteCount <= SealingLimit.sourceByteCount else {
            throw SealingError(.limitExceeded, "a value longer than \(SealingLimit.sourceByteCount) bytes")
        }
        guard !SealedToken.containsMark(source), !SealedToken.containsWrappedMark(source) else {
            throw SealingError(.nestedToken, "a sealed token inside a value that is to be sealed")
        }
        let count = headByteCount + source.byteCount
        return SecretBytes(byteCount: Padding.paddedCount(count)) { output in
            let fields = [
                version, head.format.rawValue, head.style.rawValue,
                UInt8(head.indentation >> 8), UInt8(head.indentation & 0xFF),
            ]
            for (offset, byte) in fields.enumerated() {
                output.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            }
            source.copy(into: &output, at: headByteCount)
            output.storeBytes(of: 0x80, toByteOffset: count, as: UInt8.self)
        }
    }

    /// The head of the record in `padded` and the range of its source. Throws as FORMAT.md §3.3 says what a reader
    /// refuses; nothing of the content is in the error.
    static func parse(_ padded: RawSpan) throws(SealingError) -> (head: Head, source: Range<Int>) {
        guard let count = Padding.unpaddedCount(padded), count >= headByteCount else {
            throw SealingError(.malformed, "sealed record with malformed padding")
        }
        guard padded[0] == version else {
            throw SealingError(.unknownVersion, "sealed record of an unknown version")
        }
        guard let format = Format(rawValue: padded[1]), let style = Style(rawValue: padded[2]) else {
            throw SealingError(.unknownVersion, "sealed record of an unknown format or style")
        }
        let indentation = UInt16(padded[3]) << 8 | UInt16(padded[4])
        let head = Head(format: format, style: style, indentation: indentation)
        let source = headByteCount..<count
        guard head.isConsistent, style != .empty || source.isEmpty else {
            throw SealingError(.malformed, "sealed record whose style does not fit its format")
        }
        guard source.count <= SealingLimit.sourceByteCount else {
            throw SealingError(
                .limitExceeded, "sealed record longer than \(SealingLimit.sourceByteCount) bytes")
        }
        guard !SealedToken.containsMark(padded.extracting(source)) else {
            throw SealingError(.nestedToken, "a sealed token inside a sealed value")
        }
        return (head, source)
    }
}
