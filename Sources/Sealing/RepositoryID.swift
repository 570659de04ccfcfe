internal import Encodings

/// The random name of a config repository, 16 bytes: 32 lower-case hex digits in `.strongroom.yaml`
/// (FORMAT.md §6). Bound into sealed files and values of scope `f`.
package struct RepositoryID: Hashable, Sendable, CustomStringConvertible {
    /// 16 bytes.
    package let bytes: [UInt8]

    /// A repository id of its 32 hex digits. Throws `malformed` for any other text.
    package init(_ text: String) throws(SealingError) {
        guard let bytes = try? Hex.decode(text), bytes.count == 16 else {
            throw SealingError(.malformed, "repository id: expected 32 lower-case hex digits")
        }
        self.bytes = bytes
    }

    /// A repository id of 16 fresh random bytes. Traps on another count: our bug.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == 16)
        self.bytes = bytes
    }

    /// The 32 hex digits.
    package var description: String { Hex.encode(bytes) }
}
