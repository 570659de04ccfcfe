extension AgentRecord {
    /// Whether agents and trust groups are enrolled under `name` by this program: 1 to 64 ASCII letters, digits, `.`, `_`, `-` and
    /// `@`, a letter or digit first. A config that others made may hold any.
    package static func isName(_ name: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: false
            }
        }
        guard (1...64).contains(name.utf8.count), let first = name.utf8.first, isPlain(first) else {
            return false
        }
        return name.utf8.allSatisfy { isPlain($0) || [0x2E, 0x5F, 0x2D, 0x40].contains($0) }
    }

    /// What names may be, for messages.
    package static let nameRule =
        "names have 1 to 64 ASCII letters, digits, '.', '_', '-' and '@', and begin with a letter or digit"
}
