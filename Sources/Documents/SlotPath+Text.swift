extension SlotPath {
    /// Reads a key path as people write it (FORMATS.md 5): `data.password`, `data["tls.crt"]`,
    /// `data.tls\.crt`, `spec.env[name=DB].value`, `list[0]`.
    ///
    /// Keys are separated by dots; a backslash takes the next character as it is. In brackets: an index
    /// from 0, a key in double quotes (`\"` and `\\` escaped), or a name field, `=` and a name, bare or in
    /// double quotes.
    ///
    /// - Throws: `path` with the reason.
    package init(parsing text: [UInt8]) throws(DocumentError) {
        var reader = Reader(text: text)
        components = try reader.run()
    }

    /// The path as people write it; reading it gives the same path, but for a component `.index` of an
    /// element that has a name. For messages: it holds the document's keys.
    package var text: String {
        var result = ""
        for component in components {
            switch component {
            case .index(let index): result += "[\(index)]"
            case .named(let field, let name): result += "[\(field.rawValue)=\(Self.quoted(name))]"
            case .key(let key):
                guard Self.isBare(key) else {
                    result += "[\(Self.quoted(key))]"
                    continue
                }
                if !result.isEmpty { result += "." }
                result += String(decoding: key, as: UTF8.self)
            }
        }
        return result
    }

    private static func isBare(_ key: [UInt8]) -> Bool {
        !key.isEmpty
            && key.allSatisfy { byte in
                byte > 0x20 && byte != 0x7F && !Array(".[]\\\"".utf8).contains(byte)
            }
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        let escaped = bytes.flatMap { byte in
            byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? [UInt8(ascii: "\\"), byte] : [byte]
        }
        return "\"\(String(decoding: escaped, as: UTF8.self))\""
    }
}

extension SlotPath {
    private struct Reader {
        let text: [UInt8]
        var position = 0

        mutating func run() throws(DocumentError) -> [Component] {
            var components: [Component] = []
            guard !text.isEmpty else { throw failure("an empty key path") }
            while position < text.count {
                if text[position] == UInt8(ascii: "[") {
                    components.append(try bracket())
                } else {
                    if !components.isEmpty { try take(UInt8(ascii: "."), "a dot") }
                    components.append(.key(try bare()))
                }
            }
            return components
        }

        private func failure(_ reason: String) -> DocumentError {
            DocumentError(.path, context: "key path: \(reason) (byte \(position + 1))")
        }

        private mutating func take(_ byte: UInt8, _ name: String) throws(DocumentError) {
            guard position < text.count, text[position] == byte else { throw failure("expected \(name)") }
            position += 1
        }

        private mutating func bare() throws(DocumentError) -> [UInt8] {
            var key: [UInt8] = []
            while position < text.count {
                let byte = text[position]
                if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "[") { break }
                guard byte != UInt8(ascii: "]") else { throw failure("a bracket that was not opened") }
                if byte == UInt8(ascii: "\\") {
                    position += 1
                    guard position < text.count else { throw failure("a backslash at the end") }
                }
                key.append(text[position])
                position += 1
            }
            guard !key.isEmpty else { throw failure("an empty key; write it as [\"\"]") }
            return key
        }

        private mutating func bracket() throws(DocumentError) -> Component {
            position += 1
            guard position < text.count else { throw failure("a bracket that is not closed") }
            if text[position] == UInt8(ascii: "\"") {
                let key = try quoted()
                try take(UInt8(ascii: "]"), "]")
                return .key(key)
            }
            var word: [UInt8] = []
            while position < text.count, text[position] != UInt8(ascii: "]"),
                text[position] != UInt8(ascii: "=")
            {
                word.append(text[position])
                position += 1
            }
            if position < text.count, text[position] == UInt8(ascii: "=") { return try name(word) }
            try take(UInt8(ascii: "]"), "]")
            let isDecimal = word.allSatisfy { (0x30...0x39).contains($0) }
            guard isDecimal, word.count <= 9, let index = Int(String(decoding: word, as: UTF8.self)),
                word == Array(String(index).utf8)
            else { throw failure("neither an index, a quoted key nor a name in brackets") }
            return .index(index)
        }

        private mutating func name(_ word: [UInt8]) throws(DocumentError) -> Component {
            guard let field = NameField.allCases.first(where: { Array($0.rawValue.utf8) == word }) else {
                throw failure("elements are named by name, key or id")
            }
            position += 1
            var name: [UInt8] = []
            if position < text.count, text[position] == UInt8(ascii: "\"") {
                name = try quoted()
            } else {
                while position < text.count, text[position] != UInt8(ascii: "]") {
                    name.append(text[position])
                    position += 1
                }
            }
            try take(UInt8(ascii: "]"), "]")
            return .named(field, name)
        }

        private mutating func quoted() throws(DocumentError) -> [UInt8] {
            position += 1
            var bytes: [UInt8] = []
            while position < text.count, text[position] != UInt8(ascii: "\"") {
                if text[position] == UInt8(ascii: "\\") {
                    position += 1
                    guard position < text.count,
                        text[position] == UInt8(ascii: "\"") || text[position] == UInt8(ascii: "\\")
                    else { throw failure("only \\\" and \\\\ are escaped in quotes") }
                }
                bytes.append(text[position])
                position += 1
            }
            try take(UInt8(ascii: "\""), "a closing quote")
            return bytes
        }
    }
}
