/// The name of an object: components of `a-z`, `0-9`, `.`, `_` and `-`, joined by slashes. No component is
/// empty or begins with a dot, so none is `.` or `..`, and none looks like a temporary file.
package struct ObjectName: Hashable, Sendable {
    /// The name, ASCII.
    package let text: String

    /// Takes a name as it stands. Throws `invalidName` for anything outside of the alphabet, an empty
    /// component, one that begins with a dot or is longer than 128 bytes, and more than 512 bytes in all.
    package init(_ text: String) throws(StorageError) {
        let bytes = Array(text.utf8)
        guard bytes.count <= ObjectName.byteLimit else { throw .invalidName(text) }
        for component in bytes.split(separator: 0x2F, omittingEmptySubsequences: false) {
            guard let first = component.first, first != 0x2E, component.count <= ObjectName.componentLimit,
                component.allSatisfy(ObjectName.allows)
            else { throw .invalidName(text) }
        }
        self.text = text
    }

    /// The name with one more component, or several, after it.
    package func appending(_ component: String) throws(StorageError) -> ObjectName {
        try ObjectName("\(text)/\(component)")
    }

    /// The parts between the slashes; at least one.
    package var components: [String] { text.split(separator: "/").map(String.init) }

    /// The last component.
    package var lastComponent: String { String(text.split(separator: "/").last ?? "") }

    /// Whether the name lies below `other`: it has all its components and at least one more.
    package func isBelow(_ other: ObjectName) -> Bool { text.hasPrefix(other.text + "/") }

    /// A bucket's key has room for 1,024 bytes, half of which is left to the store's own prefix.
    package static let byteLimit = 512
    /// Half of what a directory entry holds (NAME_MAX), so that a temporary name fits beside it.
    package static let componentLimit = 128

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x2E, 0x5F, 0x2D: true
        default: false
        }
    }
}

extension ObjectName: Comparable {
    /// Byte order; as the alphabet is ASCII, every store and tool sorts so.
    package static func < (left: ObjectName, right: ObjectName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

extension ObjectName: CustomStringConvertible {
    /// The name itself.
    package var description: String { text }
}
