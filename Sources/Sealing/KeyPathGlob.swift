package import Documents
internal import Encodings

/// A pattern over key paths, as rules write it (FORMAT.md §6.2): `data.*`, `**.password`, `data.tls\.crt`,
/// `data["tls.crt"]`, `spec.env[name=DB_*].value`, `list[0]`, `list[*]`.
///
/// `*` alone stands for any one component, `**` for any number of them; within a component `*` stands for any
/// run of bytes. A pattern is anchored at both ends. A sequence element that has a name is met by its name,
/// another by its index, either by `[*]`.
package struct KeyPathGlob: Hashable, Sendable {
    /// Components joined by a byte that no key holds; each is tagged, so that a key never matches an element.
    private let glob: Glob
    private static let separator: UInt8 = 0

    /// The pattern of `text`. Throws `rules` where it is not well-formed.
    package init(_ text: String) throws(SealingError) {
        var parser = Parser(rest: Array(text.utf8)[...])
        let components = try parser.parse()
        do {
            glob = try Glob(Array(components.joined(separator: [Self.separator])), separator: Self.separator)
        } catch {
            throw SealingError(
                .rules, "key path pattern: ** must stand alone between points", underlying: error)
        }
    }

    /// Whether the whole of `path` matches.
    package func matches(_ path: SlotPath) -> Bool {
        glob.matches(path.components.map(Self.tagged))
    }

    private static func tagged(_ component: SlotPath.Component) -> [UInt8] {
        switch component {
        case .key(let key): [Tag.key] + key
        case .named(let field, let value): [Tag.element] + Array(field.rawValue.utf8) + [Tag.named] + value
        case .index(let index): [Tag.element] + Array(String(index).utf8)
        }
    }

    private enum Tag {
        static let key: UInt8 = 1
        static let element: UInt8 = 2
        static let named: UInt8 = 3
    }

    /// Takes a pattern apart into tagged components of a `Glob`.
    private struct Parser {
        var rest: ArraySlice<UInt8>
        var components: [[UInt8]] = []

        private static let malformed = SealingError(.rules, "malformed key path pattern")

        mutating func parse() throws(SealingError) -> [[UInt8]] {
            while true {
                if rest.first == UInt8(ascii: "["), !components.isEmpty || rest.count > 1 {
                    try bracket()
                } else {
                    try word()
                }
                guard let next = rest.first else { return components }
                if next == UInt8(ascii: ".") {
                    rest = rest.dropFirst()
                    // A point is followed by a word, never by the end or a bracket.
                    guard let first = rest.first, first != UInt8(ascii: "[") else { throw Self.malformed }
                } else if next != UInt8(ascii: "[") {
                    throw Self.malformed
                }
            }
        }

        /// A key up to the next point or bracket; a backslash takes the next byte as it is.
        private mutating func word() throws(SealingError) {
            var key: [UInt8] = []
            while let byte = rest.first, byte != UInt8(ascii: "."), byte != UInt8(ascii: "[") {
                rest = rest.dropFirst()
                guard byte == UInt8(ascii: "\\") else {
                    key.append(byte)
                    continue
                }
                guard let escaped = rest.first, escaped != UInt8(ascii: "*") else { throw Self.malformed }
                key.append(escaped)
                rest = rest.dropFirst()
            }
            guard !key.isEmpty, key.allSatisfy({ $0 > 3 }) else { throw Self.malformed }
            let isWhole = key == Array("*".utf8) || key == Array("**".utf8)
            components.append(isWhole ? key : [Tag.key] + key)
        }

        /// `["key"]`, `[name=GLOB]`, `[N]` or `[*]`.
        private mutating func bracket() throws(SealingError) {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "\"") {
                guard let quote = rest.dropFirst().firstIndex(of: UInt8(ascii: "\"")),
                    rest.index(after: quote) < rest.endIndex, rest[quote + 1] == UInt8(ascii: "]")
                else { throw Self.malformed }
                let key = rest[(rest.startIndex + 1)..<quote]
                guard !key.isEmpty, key.allSatisfy({ $0 > 3 && $0 != UInt8(ascii: "*") }) else {
                    throw Self.malformed
                }
                components.append([Tag.key] + key)
                rest = rest[(quote + 2)...]
                return
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { throw Self.malformed }
            let inner = rest[..<end]
            rest = rest[(end + 1)...]
            guard !inner.isEmpty, inner.allSatisfy({ $0 > 3 }) else { throw Self.malformed }
            guard let equal = inner.firstIndex(of: UInt8(ascii: "=")) else {
                let isIndex =
                    inner.allSatisfy { (0x30...0x39).contains($0) }
                    && (inner.count == 1 || inner.first != 0x30)
                guard isIndex || inner.elementsEqual("*".utf8) else { throw Self.malformed }
                components.append([Tag.element] + inner)
                return
            }
            let field = String(decoding: inner[..<equal], as: UTF8.self)
            guard SlotPath.NameField(rawValue: field) != nil, equal + 1 < inner.endIndex else {
                throw Self.malformed
            }
            components.append([Tag.element] + Array(field.utf8) + [Tag.named] + inner[(equal + 1)...])
        }
    }
}
