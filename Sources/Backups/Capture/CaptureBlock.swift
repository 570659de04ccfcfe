internal import Archives
internal import Sodium

/// A part of a memory, in its order: the entries of one leaf of the tree, with the leaf where all of them are remembered; or
/// entries alone.
///
/// Bytes: length of the leaf (u32, 0 for none), leaf (`TreeLeaf`), then records: bytes of the path that are shared with the
/// record before in the block (u16) and of the rest of it (u16), length of what follows the path (u32); path; record.
final class CaptureBlock {
    /// A remembered entry.
    struct Item {
        let path: [UInt8]
        let state: FileState
        // Where the record begins.
        fileprivate let offset: Int
    }

    /// The encoding.
    let bytes: [UInt8]
    /// The leaf that the entries make, where it can be named again.
    let leaf: TreeLeaf?
    /// In the order of paths.
    let items: [Item]

    /// The block of `bytes`; nil for bytes that are none.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        var reader = RecordReader(bytes)
        guard let leafByteCount = reader.number(UInt32.self) else { return nil }
        if leafByteCount > 0 {
            guard let leaf = TreeLeaf(record: &reader), reader.offset == 4 + Int(leafByteCount) else {
                return nil
            }
            self.leaf = leaf
        } else {
            leaf = nil
        }
        var items: [Item] = []
        var path: [UInt8] = []
        while !reader.isAtEnd {
            guard let shared = reader.number(UInt16.self), let count = reader.number(UInt16.self),
                let length = reader.number(UInt32.self), Int(shared) <= path.count,
                let range = reader.range(Int(count))
            else { return nil }
            path.removeLast(path.count - Int(shared))
            path += reader[range]
            let offset = reader.offset
            guard let state = FileState.read(from: &reader), Int(length) >= reader.offset - offset,
                reader.range(offset + Int(length) - reader.offset) != nil
            else { return nil }
            items.append(Item(path: path, state: state, offset: offset))
        }
        guard !items.isEmpty, leaf == nil || leaf?.entryCount == UInt64(items.count) else { return nil }
        self.items = items
    }

    /// The record of the item at `position`; nil where it is none.
    func record(at position: Int) -> CaptureRecord? {
        var reader = RecordReader(bytes)
        guard reader.range(items[position].offset) != nil else { return nil }
        return CaptureRecord(from: &reader)
    }
}

/// A block in the making.
struct CaptureBlockBuilder {
    private var records: [UInt8] = []
    private var lastPath: [UInt8] = []
    /// Entries that were added.
    private(set) var count: UInt64 = 0

    /// No records are longer together: so much room has a leaf, twice.
    static let byteLimit = 4 << 20

    /// Their bytes so far.
    var byteCount: Int { records.count }

    /// Adds an entry behind those before; false where there is no room for it.
    mutating func add(_ path: [UInt8], _ record: CaptureRecord) -> Bool {
        var shared = 0
        let limit = min(path.count, lastPath.count)
        while shared < limit, path[shared] == lastPath[shared] { shared += 1 }
        let start = records.count
        records.append(little: UInt16(shared))
        records.append(little: UInt16(path.count - shared))
        records.append(little: UInt32(0))
        records += path[shared...]
        let recordStart = records.count
        record.append(to: &records)
        guard records.count <= CaptureBlockBuilder.byteLimit else {
            records.removeLast(records.count - start)
            return false
        }
        var length: [UInt8] = []
        length.append(little: UInt32(records.count - recordStart))
        records.replaceSubrange((start + 4)..<(start + 8), with: length)
        lastPath = path
        count += 1
        return true
    }

    /// Ends the block, which is that of `leaf` where it is given; empty again. The bytes.
    mutating func finish(_ leaf: TreeLeaf?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: UInt32(0))
        leaf?.append(to: &bytes)
        var length: [UInt8] = []
        length.append(little: UInt32(bytes.count - 4))
        bytes.replaceSubrange(0..<4, with: length)
        bytes += records
        records.removeAll(keepingCapacity: true)
        lastPath = []
        count = 0
        return bytes
    }
}
