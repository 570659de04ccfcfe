/// The four kinds of object.
package enum ObjectType: String, Sendable, CaseIterable {
    /// A commit.
    case commit
    /// A directory.
    case tree
    /// The content of a file.
    case blob
    /// An annotated tag.
    case tag
}

/// An object as it is stored: its type and bytes, without Git's length header.
package struct RawObject: Sendable {
    /// The name that the bytes were found under; libgit2 has compared their hash.
    package let id: ObjectID
    /// The type.
    package let type: ObjectType
    /// The content.
    package let bytes: [UInt8]
}
