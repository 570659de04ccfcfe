import Sodium

/// A leaf of a tree of entries that was stored: what an agent remembers to name it again whole, where all of its entries
/// are as they were. Where a leaf ends is decided by the paths and attributes in it alone, so that it follows on any leaf
/// that ends before its first entry.
package struct TreeLeaf: Equatable, Sendable {
    /// The node.
    let node: NodeID
    /// Entries in it.
    package let entryCount: UInt64
    /// The length of their contents.
    let byteCount: UInt64
    /// The bits of its last entry, which decide where nodes above it end.
    let cut: UInt64
    /// Chunks and nodes that its contents name.
    let children: [Node.Child]

    /// A leaf by its parts.
    init(node: NodeID, entryCount: UInt64, byteCount: UInt64, cut: UInt64, children: [Node.Child]) {
        self.node = node
        self.entryCount = entryCount
        self.byteCount = byteCount
        self.cut = cut
        self.children = children
    }

    // In a file of the agent's own machine, as `Content+Record` has it.

    private enum Form {
        static let chunk: UInt8 = 1
        static let node: UInt8 = 2
    }

    /// Appends the leaf to a local record.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(little: node.keyNumber)
        bytes.append(node.hash)
        for value in [entryCount, byteCount, cut] { bytes.append(little: value) }
        bytes.append(little: UInt32(children.count))
        for child in children {
            switch child {
            case .chunk(let id):
                bytes.append(Form.chunk)
                bytes.append(little: id.keyNumber)
                bytes.append(id.hash)
            case .node(let id):
                bytes.append(Form.node)
                bytes.append(little: id.keyNumber)
                bytes.append(id.hash)
            }
        }
    }

    /// The leaf in a local record; nil for bytes that are none.
    package init?(record reader: inout RecordReader) {
        guard let number = reader.number(UInt32.self), number > 0, let hash = reader.digest(),
            let entryCount = reader.number(UInt64.self), let byteCount = reader.number(UInt64.self),
            let cut = reader.number(UInt64.self), let count = reader.number(UInt32.self)
        else { return nil }
        var children: [Node.Child] = []
        for _ in 0..<count {
            guard let form = reader.number(UInt8.self), let number = reader.number(UInt32.self), number > 0,
                let hash = reader.digest()
            else { return nil }
            switch form {
            case Form.chunk: children.append(.chunk(ChunkID(keyNumber: number, hash: hash)))
            case Form.node: children.append(.node(NodeID(keyNumber: number, hash: hash)))
            default: return nil
            }
        }
        self.init(
            node: NodeID(keyNumber: number, hash: hash), entryCount: entryCount, byteCount: byteCount,
            cut: cut,
            children: children)
    }
}

extension Content {
    /// Appends what the content names to `children`, where it isn't the last there: short files of one chunk follow each
    /// other.
    func appendChildren(to children: inout [Node.Child]) {
        switch storage {
        case .tree(let node): children.append(.node(node))
        case .segments(let segments):
            for case .chunk(let id, _, _) in segments where children.last != .chunk(id) {
                children.append(.chunk(id))
            }
        }
    }
}
