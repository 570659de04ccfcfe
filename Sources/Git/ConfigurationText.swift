/// The entries of a Git configuration file (git-config(1), "Syntax"), in order; includes are entries like others.
package struct ConfigurationText: Sendable {
    /// One variable.
    package struct Entry: Equatable, Sendable {
        /// The section in lower case.
        package let section: String
        /// The subsection, as it is written; nil where there is none.
        package let subsection: String?
        /// The variable's name in lower case.
        package let key: String
        /// The value; nil where the name stands alone, which means true.
        package let value: String?
    }

    /// All entries, in order.
    package let entries: [Entry]

    /// Parses the bytes of a file. Throws `malformedConfiguration` with the line.
    package init(_ bytes: [UInt8]) throws(GitError) {
        var parser = Parser(bytes)
        entries = try parser.parse()
    }

    /// The value that wins: that of the last entry. A name that stands alone gives `true`.
    package func last(_ section: String, _ subsection: String?, _ key: String) -> String? {
        entries.last { $0.section == section && $0.subsection == subsection && $0.key == key }.map {
            $0.value ?? "true"
        }
    }

    private struct Parser {
        private let bytes: [UInt8]
        private var position = 0
        private var line = 1

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        }

        mutating func parse() throws(GitError) -> [Entry] {
            var entries: [Entry] = []
            var section: (name: String, subsection: String?)?
            while let byte = peek() {
                switch byte {
                case 0x0A, 0x20, 0x09, 0x0D: _ = next()
                case 0x23, 0x3B: skipLine()
                case 0x5B: section = try header()
                default:
                    guard let section else { throw broken("a variable before any section") }
                    let key = try name()
                    let value = try value()
                    entries.append(
                        Entry(section: section.name, subsection: section.subsection, key: key, value: value))
                }
            }
            return entries
        }

        private func broken(_ what: String) -> GitError {
            GitError(.malformedConfiguration, "line \(line): \(what)")
        }

        private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func next() -> UInt8? {
            guard let byte = peek() else { return nil }
            position += 1
            if byte == 0x0A { line += 1 }
            return byte
        }

        private mutating func skipLine() {
            while let byte = peek(), byte != 0x0A { position += 1 }
        }

        private mutating func skipBlanks() {
            while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0D { position += 1 }
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: true
            default: false
            }
        }

        private mutating func word(alsoDot: Bool) -> String {
            let start = position
            while let byte = peek(), Parser.isNameByte(byte) || (alsoDot && byte == 0x2E) { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self).lowercased()
        }

        private mutating func name() throws(GitError) -> String {
            let key = word(alsoDot: false)
            guard !key.isEmpty else { throw broken("a malformed name") }
            return key
        }

        /// `[section]`, `[section "subsection"]`, or the old `[section.subsection]`.
        private mutating func header() throws(GitError) -> (String, String?) {
            _ = next()
            let name = word(alsoDot: true)
            guard !name.isEmpty else { throw broken("a malformed section") }
            skipBlanks()
            var subsection: String?
            if peek() == 0x22 {
                _ = next()
                var text: [UInt8] = []
                while true {
                    guard var byte = next(), byte != 0x0A else { throw broken("a section that does not end") }
                    if byte == 0x22 { break }
                    if byte == 0x5C {
                        guard let escaped = next(), escaped != 0x0A else {
                            throw broken("a section that does not end")
                        }
                        byte = escaped
                    }
                    text.append(byte)
                }
                subsection = String(decoding: text, as: UTF8.self)
            }
            guard next() == 0x5D else { throw broken("a section that does not end") }
            if subsection == nil, let dot = name.firstIndex(of: ".") {
                return (String(name[..<dot]), String(name[name.index(after: dot)...]))
            }
            return (name, subsection)
        }

        /// `= value` up to the line's end; nil where nothing follows the name.
        private mutating func value() throws(GitError) -> String? {
            skipBlanks()
            switch peek() {
            case nil, 0x0A, 0x23, 0x3B:
                skipLine()
                return nil
            case 0x3D: _ = next()
            default: throw broken("a variable without an equals sign")
            }
            skipBlanks()
            var text: [UInt8] = []
            var kept = 0
            var isQuoted = false
            while let byte = next() {
                switch byte {
                case 0x0A:
                    guard !isQuoted else { throw broken("a quote that does not end") }
                    return String(decoding: text[..<kept], as: UTF8.self)
                case 0x22: isQuoted.toggle()
                case 0x5C:
                    guard let escaped = next() else { throw broken("a backslash at the end") }
                    switch escaped {
                    case 0x0A: continue
                    case 0x0D where peek() == 0x0A:
                        _ = next()
                        continue
                    case 0x6E: text.append(0x0A)
                    case 0x74: text.append(0x09)
                    case 0x62: text.append(0x08)
                    case 0x22, 0x5C: text.append(escaped)
                    default: throw broken("an unknown escape")
                    }
                    kept = text.count
                case 0x23 where !isQuoted, 0x3B where !isQuoted: skipLine()
                case 0x20 where !isQuoted, 0x09 where !isQuoted, 0x0D where !isQuoted: text.append(byte)
                default:
                    text.append(byte)
                    kept = text.count
                }
                if isQuoted { kept = text.count }
            }
            guard !isQuoted else { throw broken("a quote that does not end") }
            return String(decoding: text[..<kept], as: UTF8.self)
        }
    }
}
