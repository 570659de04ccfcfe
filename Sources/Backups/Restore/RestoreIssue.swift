/// Something of an entry that was not restored as it was.
package struct RestoreIssue: Sendable, Equatable {
    /// What is missing or different.
    package enum Kind: String, Sendable {
        /// The file system or a rule refused the entry; it is missing.
        case refused
        /// The store holds no sound copy of the entry, of its content, or of what stood in this place; it is missing.
        case damaged
        /// The snapshot has nothing of the source: its capture failed.
        case missing
        /// The entry is of a kind that is left out unless asked for.
        case skipped
        /// It, and others with it, belong to another owner now.
        case owner
        /// Some of its mode bits are missing.
        case mode
        /// An extended attribute is missing.
        case attribute
        /// Mode, owner or time could not be set.
        case metadata
    }

    /// The entry's path in its source.
    package let path: [UInt8]
    /// What is missing or different.
    package let kind: Kind
    /// Why, in words.
    package let reason: String

    init(_ path: [UInt8], _ kind: Kind, _ reason: String) {
        self.path = path
        self.kind = kind
        self.reason = reason
    }
}
