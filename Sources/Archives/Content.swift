/// Where the bytes of a file, a command's output or a bundle lie: segments in order, together `byteCount` long.
///
/// What an agent keeps locally of unchanged files, to name them in the next snapshot without reading them.
package struct Content: Hashable, Sendable {
    /// The segments, in one list or behind a tree of lists.
    package enum Storage: Hashable, Sendable {
        /// At most `inlineLimit` segments.
        case segments([Segment])
        /// The root of a tree of chunk lists.
        case tree(NodeID)
    }

    /// More segments than these go into a tree of their own.
    package static let inlineLimit = 8

    /// The length of the whole, holes included.
    package let byteCount: UInt64
    /// The segments.
    package let storage: Storage

    /// No bytes.
    package static let empty = Content(byteCount: 0, storage: .segments([]))

    /// A content of that length, which its segments must add up to.
    init(byteCount: UInt64, storage: Storage) {
        self.byteCount = byteCount
        self.storage = storage
    }
}

/// A run of a content: a range of a chunk's plaintext, or a hole.
package enum Segment: Hashable, Sendable {
    /// `byteCount` bytes from `offset` of the chunk's plaintext.
    case chunk(ChunkID, offset: UInt32, byteCount: UInt32)
    /// `byteCount` zero bytes that take no room.
    case hole(UInt64)

    /// How many bytes of the content it makes.
    package var byteCount: UInt64 {
        switch self {
        case .chunk(_, _, let byteCount): UInt64(byteCount)
        case .hole(let byteCount): byteCount
        }
    }
}
