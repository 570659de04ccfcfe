internal import Documents
internal import Sodium

/// The JSON object that a command target answers with.
struct CommandAnswer {
    private let document: TextDocument

    /// Reads `text`; nil where it is no JSON object, has a key twice, or is deeper or longer than any answer.
    init?(parsing text: RawSpan) {
        guard (0..<text.byteCount).first(where: { text[$0] > 0x20 }).map({ text[$0] }) == 0x7B,
            let document = try? TextDocument(text.array, format: .json, isSealed: { _ in false })
        else { return nil }
        self.document = document
    }

    /// The scalar under `key` at the top, as text.
    func word(_ key: String) -> String? {
        document.slots.lazy.filter { document.path(of: $0).components == [.key(Array(key.utf8))] }.first
            .map(text(of:))
    }

    /// The objects of the list under `key`, each by the texts of its scalars.
    func items(_ key: String) -> [[String: String]] {
        var items: [SlotPath.Component: [String: String]] = [:]
        var order: [SlotPath.Component] = []
        for slot in document.slots {
            let components = document.path(of: slot).components
            guard components.count == 3, components[0] == .key(Array(key.utf8)),
                case .key(let name) = components[2]
            else { continue }
            if items[components[1]] == nil { order.append(components[1]) }
            items[components[1], default: [:]][String(decoding: name, as: UTF8.self)] = text(of: slot)
        }
        return order.map { items[$0] ?? [:] }
    }

    private func text(of slot: Slot) -> String {
        document.withValue(of: slot) { String(decoding: $0.array, as: UTF8.self) }
    }
}

/// Text as a JSON string.
enum JSONString {
    /// `text` in double quotes, escaped as RFC 8259 §7 has it.
    static func text(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
