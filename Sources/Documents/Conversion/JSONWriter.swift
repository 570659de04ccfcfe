/// Writes nodes of a YAML or JSON text as JSON (RFC 8259) without white space.
struct JSONWriter {
    let tree: NodeTree
    let isYAML: Bool
    /// What was written; wiped when it goes.
    let output = WipedBytes(capacity: 4_096)

    private static let depthLimit = 1_000
    private static let byteLimit = 256 << 20

    /// A member of a mapping: where key and value stand, and the key as a string.
    private struct Member {
        let key: Int
        let name: [UInt8]
        let value: Int
    }

    /// Writes the node at `index` of `text`.
    func write(_ index: Int, of text: RawSpan, depth: Int) throws(DocumentError) {
        guard depth < Self.depthLimit, output.count < Self.byteLimit else {
            throw failure(index, .limit, "too deep or too large with its aliases written out")
        }
        switch tree.nodes[index].kind {
        case .alias:
            guard let target = tree.aliasTargets[Int32(index)] else {
                throw failure(index, .syntax, "an alias of nothing")
            }
            try write(Int(target), of: text, depth: depth + 1)
        case .scalar:
            try writeScalar(index, of: text)
        case .sequence:
            try requireTag(of: index, "seq")
            output.append(UInt8(ascii: "["))
            var isFirst = true
            for child in tree.children(of: index) {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                try write(child, of: text, depth: depth + 1)
            }
            output.append(UInt8(ascii: "]"))
        case .mapping:
            output.append(UInt8(ascii: "{"))
            for (position, member) in try members(of: index, in: text, depth: depth).enumerated() {
                if position > 0 { output.append(UInt8(ascii: ",")) }
                try member.name.withRawSpan { (name) throws(DocumentError) in
                    try writeString(name, at: member.key)
                }
                output.append(UInt8(ascii: ":"))
                try write(member.value, of: text, depth: depth + 1)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private func failure(_ index: Int, _ code: DocumentError.Code, _ words: String) -> DocumentError {
        DocumentError(code, line: Int(tree.nodes[index].line) + 1, context: words)
    }

    // MARK: Mappings

    /// The members of a mapping, its own in their order, then those that merge keys bring.
    private func members(of index: Int, in text: RawSpan, depth: Int) throws(DocumentError) -> [Member] {
        guard depth < Self.depthLimit else { throw failure(index, .limit, "merge keys that are too deep") }
        try requireTag(of: index, "map")
        var own: [Member] = []
        var merges: [Int] = []
        var names: [[UInt8]: Int] = [:]
        for key in tree.children(of: index) where tree.nodes[key].flags.contains(.key) {
            if isMerge(key, in: text) {
                merges.append(key)
                continue
            }
            let name = try name(of: key, in: text)
            if let first = names.updateValue(key, forKey: name) {
                throw failure(
                    key, .duplicateKey,
                    "the same key as on line \(tree.nodes[first].line + 1), read as a string")
            }
            own.append(Member(key: key, name: name, value: key + 1))
        }
        var result = own
        let ownKeys = Set(own.map(\.key))
        for merge in merges {
            for member in try merged(merge + 1, in: text, depth: depth + 1) {
                if let first = names[member.name] {
                    guard !ownKeys.contains(first) || first > merge else {
                        throw failure(
                            merge, .unsupported,
                            "a merge key behind a key that it sets too, which readers take differently: put it first"
                        )
                    }
                    continue
                }
                names[member.name] = member.key
                result.append(member)
            }
        }
        return result
    }

    /// What the value of a merge key brings; of a list the earlier elements win.
    private func merged(_ value: Int, in text: RawSpan, depth: Int) throws(DocumentError) -> [Member] {
        let target = tree.aliasTargets[Int32(value)].map { Int($0) } ?? value
        switch tree.nodes[target].kind {
        case .mapping:
            return try members(of: target, in: text, depth: depth)
        case .sequence where target == value:
            var result: [Member] = []
            var names: Set<[UInt8]> = []
            for child in tree.children(of: target) {
                let element = tree.aliasTargets[Int32(child)].map { Int($0) } ?? child
                guard tree.nodes[element].kind == .mapping else { break }
                for member in try members(of: element, in: text, depth: depth)
                where names.insert(member.name).inserted {
                    result.append(member)
                }
            }
            return result
        default:
            throw failure(value, .unsupported, "a merge key takes a mapping or a list of mappings")
        }
    }

    private func isMerge(_ key: Int, in text: RawSpan) -> Bool {
        isYAML && tree.nodes[key].style == .plain && tree.nodes[key].kind == .scalar
            && tree.withValue(of: key, in: text) { $0.isEqual(to: "<<") }
    }

    /// A key as a string.
    private func name(of key: Int, in text: RawSpan) throws(DocumentError) -> [UInt8] {
        // An alias as a key stands for its scalar.
        let index = tree.aliasTargets[Int32(key)].map { Int($0) } ?? key
        guard tree.nodes[index].kind == .scalar else {
            throw failure(key, .unsupported, "a key that is no scalar")
        }
        switch try kind(of: index, in: text) {
        case .string: return tree.value(of: index, in: text)
        case .bool(let value): return Array((value ? "true" : "false").utf8)
        case .integer(let isNegative, let magnitude):
            return Array("\(isNegative ? "-" : "")\(magnitude)".utf8)
        case .null, .number, .notFinite:
            throw failure(key, .unsupported, "a key that YAML reads as a fraction or null: quote it")
        }
    }

    // MARK: Scalars

    private func writeScalar(_ index: Int, of text: RawSpan) throws(DocumentError) {
        let style = tree.nodes[index].style
        guard isYAML else {
            return try tree.withValue(of: index, in: text) { (value) throws(DocumentError) in
                guard style == .plain else { return try writeString(value, at: index) }
                output.append(value)
            }
        }
        let kind = try kind(of: index, in: text)
        try tree.withValue(of: index, in: text) { (value) throws(DocumentError) in
            switch kind {
            case .string: try writeString(value, at: index)
            case .null: append("null")
            case .bool(let isTrue): append(isTrue ? "true" : "false")
            case .integer(let isNegative, let magnitude): append("\(isNegative ? "-" : "")\(magnitude)")
            case .number: writeNumber(value)
            case .notFinite: throw failure(index, .unsupported, "JSON has no infinities: quote it")
            }
        }
    }

    private static let tagPrefix = "tag:yaml.org,2002:"

    /// The kind of a YAML scalar by its style, tag and text.
    private func kind(of index: Int, in text: RawSpan) throws(DocumentError) -> YAMLScalarKind {
        let style = tree.nodes[index].style
        guard isYAML else { return .string }
        guard let tag = tree.properties[Int32(index)]?.tag, !tag.isEmpty, tag != [UInt8(ascii: "!")] else {
            let isPlain = style == .plain || style == .absent
            return isPlain ? tree.withValue(of: index, in: text) { YAMLScalarKind($0) } : .string
        }
        let name = String(decoding: tag, as: UTF8.self)
        guard name != Self.tagPrefix + "str" else { return .string }
        let kind = tree.withValue(of: index, in: text) { YAMLScalarKind($0) }
        switch (name, kind) {
        case (Self.tagPrefix + "int", .integer), (Self.tagPrefix + "float", .integer),
            (Self.tagPrefix + "float", .number), (Self.tagPrefix + "bool", .bool),
            (Self.tagPrefix + "null", .null):
            return kind
        default:
            throw failure(
                index, .unsupported, "a tag that JSON has no form for, or that doesn't fit the value")
        }
    }

    /// Refuses tags of a collection but its own.
    private func requireTag(of index: Int, _ own: String) throws(DocumentError) {
        guard let tag = tree.properties[Int32(index)]?.tag, !tag.isEmpty, tag != [UInt8(ascii: "!")],
            tag != Array((Self.tagPrefix + own).utf8)
        else { return }
        throw failure(index, .unsupported, "a tag that JSON has no form for")
    }

    private func append(_ word: String) {
        for byte in word.utf8 { output.append(byte) }
    }

    /// A number as JSON wants it: no plus, no underscores, no zeros in front, digits around the point. One that is whole
    /// stands as a whole number where it has at most 21 digits, as encoders of Go write it.
    private func writeNumber(_ text: RawSpan) {
        let number = NumberText(text)
        if text.byte(at: 0) == UInt8(ascii: "-") { output.append(UInt8(ascii: "-")) }
        if let zeroCount = number.zeroCountOfWhole {
            if number.digitCount == 0 { output.append(UInt8(ascii: "0")) }
            number.forEachDigit(to: number.digitCount) { output.append($0) }
            for _ in 0..<zeroCount { output.append(UInt8(ascii: "0")) }
            return
        }
        var hasWhole = false
        // Signs and zeros in front of another digit go.
        for position in 0..<number.wholeEnd {
            let byte = text[position]
            guard NumberText.isDigit(byte), byte != UInt8(ascii: "0") || hasWhole else { continue }
            output.append(byte)
            hasWhole = true
        }
        if !hasWhole { output.append(UInt8(ascii: "0")) }
        if number.wholeEnd < number.mantissaEnd {
            output.append(UInt8(ascii: "."))
            var hasFraction = false
            for position in (number.wholeEnd + 1)..<number.mantissaEnd
            where NumberText.isDigit(text[position]) {
                output.append(text[position])
                hasFraction = true
            }
            if !hasFraction { output.append(UInt8(ascii: "0")) }
        }
        for position in number.mantissaEnd..<text.byteCount where text[position] != UInt8(ascii: "_") {
            output.append(text[position])
        }
    }

    private func writeString(_ value: RawSpan, at index: Int) throws(DocumentError) {
        output.append(UInt8(ascii: "\""))
        var position = 0
        while position < value.byteCount {
            let width = value.characterWidth(at: position)
            guard width > 0 else { throw failure(index, .encoding, "not UTF-8 text") }
            if let escape = StringLiteral.escape(in: value, at: position, width) {
                for byte in escape { output.append(byte) }
            } else {
                output.append(value.extracting(position..<position + width))
            }
            position += width
        }
        output.append(UInt8(ascii: "\""))
    }
}
