internal import Encodings

/// One wrapping of a file key in an age header (C2SP age.md, "Recipient stanza"): a type, arguments and a body.
package struct Stanza: Hashable, Sendable {
    /// Columns of a full body line; a body ends with a shorter one.
    static let columns = 64

    /// The first argument, which tells the kind: `X25519`, `scrypt`.
    package let type: String
    /// The arguments after the type: each one or more visible ASCII characters.
    package let arguments: [String]
    /// The decoded body.
    package let body: [UInt8]

    /// A stanza to be written. Traps where an argument is empty or has a character outside visible ASCII: such
    /// a header could not be read again.
    package init(type: String, arguments: [String], body: [UInt8]) {
        precondition(([type] + arguments).allSatisfy { Stanza.isArgument(Array($0.utf8)) }, "stanza argument")
        self.type = type
        self.arguments = arguments
        self.body = body
    }

    /// The one text of the stanza, its last line end included.
    package var encoded: [UInt8] {
        var text = Array("->".utf8)
        for argument in [type] + arguments { text += [0x20] + Array(argument.utf8) }
        text.append(0x0A)
        let digits = Base64.unpadded.encodeBytes(body)
        var offset = 0
        // A body of whole lines, also the empty one, still ends with a line shorter than 64 columns.
        while digits.count - offset >= Stanza.columns {
            text += digits[offset..<(offset + Stanza.columns)] + [0x0A]
            offset += Stanza.columns
        }
        return text + digits[offset...] + [0x0A]
    }

    /// Whether `bytes` are 1*VCHAR.
    static func isArgument(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
