/// Writes Strongroom's own YAML files: block mappings and sequences, two columns a level, quoted
/// strings, literal blocks for armored text. What it writes ``YAMLNode`` reads back.
package struct YAMLWriter {
    /// A value to be written.
    package indirect enum Value: Sendable {
        /// A string, in double quotes unless it is a plain word.
        case string(String)
        /// A decimal integer.
        case int(Int)
        /// `true` or `false`.
        case bool(Bool)
        /// A text of lines, each ended by a newline, as a literal block.
        case literal(String)
        /// A block sequence, `[]` where empty.
        case sequence([Value])
        /// A block mapping, `{}` where empty.
        case mapping([(key: String, value: Value)])
        /// `[a, b]` on one line.
        case flowSequence([Value])
        /// `{ a: b }` on one line.
        case flowMapping([(key: String, value: Value)])
    }

    /// The text so far.
    package private(set) var bytes: [UInt8] = []

    /// Makes an empty text.
    package init() {}

    /// Adds comment lines (`# …`), one for each line of the text, at the outermost level.
    package mutating func comment(_ text: String) {}

    /// Adds one entry of the outermost mapping.
    package mutating func entry(_ key: String, _ value: Value) {}
}
