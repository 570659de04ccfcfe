/// An element of an endpoint's answer: its name, its text, the elements in it. Attributes are passed over.
///
/// Reads the XML that S3's protocol uses and no more: one root, elements, text with XML's own five entities and character
/// references. Whatever can define or fetch something (`<!DOCTYPE`, other processing instructions, other entities) is
/// refused, and so is depth beyond `depthLimit`. The caller bounds the bytes.
struct XMLElement {
    let name: String
    private(set) var text = ""
    private(set) var children: [XMLElement] = []

    /// The first element called `name` in it.
    subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// All elements called `name` in it.
    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The document that `bytes` are, whitespace before it allowed: S3 sends some while a caller waits. Nil for all else.
    static func parse(_ bytes: [UInt8]) -> XMLElement? {
        var parser = XMLParser(bytes)
        return parser.document()
    }

    /// More than any answer of S3's protocol has.
    static let depthLimit = 16

    fileprivate init(_ name: String) { self.name = name }

    fileprivate mutating func fill(_ text: [UInt8]) -> Bool {
        guard let text = String(validating: text, as: UTF8.self) else { return false }
        self.text = text
        return true
    }

    fileprivate mutating func append(_ child: XMLElement) { children.append(child) }
}

private struct XMLParser {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() -> XMLElement? {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
        skipBlanks()
        if skip("<?xml") {
            guard let end = find("?>") else { return nil }
            place = end + 2
            skipBlanks()
        }
        guard let root = element(depth: 0) else { return nil }
        skipBlanks()
        return place == bytes.count ? root : nil
    }

    private mutating func element(depth: Int) -> XMLElement? {
        guard depth < XMLElement.depthLimit, skip("<"), let name = name() else { return nil }
        var element = XMLElement(name)
        guard let isEmpty = skipAttributes() else { return nil }
        guard !isEmpty else { return element }
        var text: [UInt8] = []
        while place < bytes.count {
            switch bytes[place] {
            case 0x3C where place + 1 < bytes.count && bytes[place + 1] == 0x2F:
                place += 2
                guard self.name() == name else { return nil }
                skipBlanks()
                guard skip(">") else { return nil }
                // What stands between elements is layout.
                if element.children.isEmpty, !element.fill(text) { return nil }
                return element
            case 0x3C:
                guard let child = self.element(depth: depth + 1) else { return nil }
                element.append(child)
            case 0x26:
                guard let character = reference() else { return nil }
                text += Array(String(character).utf8)
            default:
                text.append(bytes[place])
                place += 1
            }
        }
        return nil
    }

    /// Passes over attributes and the end of a start tag; true where the tag is also the element's end.
    private mutating func skipAttributes() -> Bool? {
        while true {
            let start = place
            skipBlanks()
            if skip("/>") { return true }
            if skip(">") { return false }
            guard place > start, name() != nil else { return nil }
            skipBlanks()
            guard skip("=") else { return nil }
            skipBlanks()
            guard place < bytes.count, bytes[place] == 0x22 || bytes[place] == 0x27 else { return nil }
            let quote = bytes[place]
            guard let end = bytes[(place + 1)...].firstIndex(of: quote), !bytes[place..<end].contains(0x3C)
            else {
                return nil
            }
            place = end + 1
        }
    }

    private mutating func reference() -> Unicode.Scalar? {
        guard let end = bytes[place...].prefix(12).firstIndex(of: 0x3B) else { return nil }
        let name = String(decoding: bytes[(place + 1)..<end], as: UTF8.self)
        place = end + 1
        switch name {
        case "lt": return "<"
        case "gt": return ">"
        case "amp": return "&"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        guard name.hasPrefix("#"), name.utf8.dropFirst().allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else {
            return nil
        }
        let digits = name.dropFirst()
        let number = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        guard let number, number > 0 else { return nil }
        return Unicode.Scalar(number)
    }

    private mutating func name() -> String? {
        let end =
            bytes[place...].firstIndex {
                !S3Encoding.isUnreserved($0) && $0 != 0x3A || $0 == 0x7E
            } ?? bytes.count
        guard end > place, end - place <= 128 else { return nil }
        defer { place = end }
        return String(decoding: bytes[place..<end], as: UTF8.self)
    }

    private mutating func skipBlanks() {
        while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
    }

    private mutating func skip(_ text: String) -> Bool {
        guard bytes[place...].starts(with: text.utf8) else { return false }
        place += text.utf8.count
        return true
    }

    private func find(_ text: String) -> Int? {
        let end = min(bytes.count, place + 256)
        return (place..<end).first { bytes[$0...].starts(with: text.utf8) }
    }
}
