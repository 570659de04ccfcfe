/// A path or a name as the kernel sees it: bytes, compared and ordered as bytes. Never normalised, never
/// decoded: a Swift String would merge names that the disk keeps apart.
package struct Path: Hashable, Sendable {
    /// The bytes, without a terminating NUL.
    package let bytes: [UInt8]

    /// A path of these bytes, taken as they are. A NUL among them is refused where the path is used.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A path of the UTF-8 bytes of `text`.
    package init(_ text: String) { bytes = Array(text.utf8) }

    /// Whether the path begins at the root.
    package var isAbsolute: Bool { bytes.first == Path.slash }

    /// Whether the path is one name that can stand in a directory: not empty, not `.` or `..`, without slash
    /// and NUL, at most 255 bytes (NAME_MAX).
    package var isName: Bool {
        guard !bytes.isEmpty, bytes.count <= Path.nameLimit else { return false }
        guard bytes != [0x2E], bytes != [0x2E, 0x2E] else { return false }
        return !bytes.contains(Path.slash) && !bytes.contains(0)
    }

    /// The names between the slashes; empty ones are left out.
    package var components: [Path] {
        bytes.split(separator: Path.slash).map { Path(Array($0)) }
    }

    /// The last name, or an empty path for the root.
    package var name: Path { components.last ?? Path([]) }

    /// The path without its last name: `/` for a name below the root, `.` for a lone name.
    package var parent: Path {
        let head = components.dropLast()
        guard !head.isEmpty else { return isAbsolute ? "/" : "." }
        let joined = Array(head.map(\.bytes).joined(separator: [Path.slash]))
        return Path(isAbsolute ? [Path.slash] + joined : joined)
    }

    /// The path with `other` after it and one slash between them. An empty path adds nothing.
    package func appending(_ other: Path) -> Path {
        guard !bytes.isEmpty else { return other }
        guard !other.bytes.isEmpty else { return self }
        return Path(bytes.last == Path.slash ? bytes + other.bytes : bytes + [Path.slash] + other.bytes)
    }

    /// The longest name a directory entry can have (NAME_MAX, limits.h).
    package static let nameLimit = 255

    static let slash: UInt8 = 0x2F
}

extension Path: ExpressibleByStringLiteral {
    /// The path that the literal spells.
    package init(stringLiteral literal: String) { self.init(literal) }
}

extension Path: Comparable {
    /// Byte order, as `LC_ALL=C sort` has it.
    package static func < (left: Path, right: Path) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension Path: CustomStringConvertible {
    /// The path for people: control characters, backslashes and bytes that are not UTF-8 stand as `\xNN`.
    package var description: String {
        if let text = String(validating: bytes, as: UTF8.self),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0x5C })
        {
            return text
        }
        return bytes.reduce(into: "") { text, byte in
            if byte >= 0x20, byte < 0x7F, byte != 0x5C {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                text += digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
            }
        }
    }
}

extension Path {
    /// The bytes with a terminating NUL, for a system call. Throws `invalidName` for a NUL inside or nothing
    /// at all.
    func cString(_ operation: StaticString) throws(FileError) -> [CChar] {
        guard !bytes.isEmpty, !bytes.contains(0) else { throw .refused(.invalidName, operation, self) }
        var characters = [CChar]()
        characters.reserveCapacity(bytes.count + 1)
        for byte in bytes { characters.append(CChar(bitPattern: byte)) }
        characters.append(0)
        return characters
    }

    /// Splits a path that is to be used beneath a directory into its parent (nil for a lone name) and its
    /// name. Throws `escapes` for an absolute path, `invalidName` where a component is `.`, `..`, too long or
    /// holds NUL.
    func beneath(_ operation: StaticString) throws(FileError) -> (parent: Path?, name: Path) {
        guard !isAbsolute else { throw .refused(.escapes, operation, self) }
        let names = components
        guard let last = names.last, names.allSatisfy(\.isName) else {
            throw .refused(.invalidName, operation, self)
        }
        guard names.count > 1 else { return (nil, last) }
        return (Path(Array(names.dropLast().map(\.bytes).joined(separator: [Path.slash]))), last)
    }
}
