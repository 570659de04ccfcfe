package import Archives

/// What of an entry is not the same in two places.
package enum Aspect: String, Sendable, CaseIterable {
    /// It is of another kind: a file, a directory, a link.
    case kind
    /// The bytes of a file.
    case content
    /// Where a link leads.
    case target
    /// Permission bits.
    case mode
    /// User or group.
    case owner
    /// The time of the last change of content.
    case time
    /// Extended attributes, ACLs among them.
    case attributes
}

/// A difference of one source between two snapshots, or between a snapshot and what is there now.
package struct PlaceDifference: Sendable, Equatable {
    /// What became of the entry.
    package enum Change: Sendable, Equatable {
        /// It is in the second place alone.
        case added
        /// It is in the first place alone.
        case removed
        /// It is in both, and these aspects differ; never none.
        case changed([Aspect])
    }

    /// The source's name.
    package let source: String
    /// What the source is.
    package let kind: SourceKind
    /// The path beneath the source's root.
    package let path: [UInt8]
    /// What became of it.
    package let change: Change
    /// Length of the content before, where it was a file.
    package let oldByteCount: UInt64?
    /// Length of the content after, where it is a file.
    package let newByteCount: UInt64?
}

extension Entry {
    /// What differs from `other` by the facts alone; contents that are stored in another way count as different.
    func aspects(differingFrom other: Entry) -> [Aspect] {
        var aspects: [Aspect] = []
        switch (kind, other.kind) {
        case (.directory, .directory), (.fifo, .fifo), (.socket, .socket): break
        case (.file(let left), .file(let right)): if left != right { aspects.append(.content) }
        case (.symbolicLink(let left), .symbolicLink(let right)), (.hardLink(let left), .hardLink(let right)):
            if left != right { aspects.append(.target) }
        case (.characterDevice, .characterDevice), (.blockDevice, .blockDevice):
            if kind != other.kind { aspects.append(.target) }
        default: aspects.append(.kind)
        }
        if mode != other.mode { aspects.append(.mode) }
        if userID != other.userID || groupID != other.groupID { aspects.append(.owner) }
        if modifiedSeconds != other.modifiedSeconds || modifiedNanoseconds != other.modifiedNanoseconds {
            aspects.append(.time)
        }
        if attributes != other.attributes { aspects.append(.attributes) }
        return aspects
    }
}
