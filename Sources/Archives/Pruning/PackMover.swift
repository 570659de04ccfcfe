import Sodium
import Storage

/// A pack of pieces that are moved from others: their ciphertext as it is, with the data keys that it is sealed under. No
/// `read` is needed (FORMAT.md §6.1).
struct PackMover {
    /// What it collects.
    let kind: PackKind
    private var bytes = ObjectKind.pack.preamble
    private var dataKeys: [SealedDataKey] = []
    private var groups: [PieceGroup] = []
    private var rowCount = 0

    /// An empty pack.
    init(_ kind: PackKind) { self.kind = kind }

    /// Whether nothing was added yet.
    var isEmpty: Bool { rowCount == 0 }

    /// Whether one more piece would make it longer than a full pack.
    func isFull(adding byteCount: Int) -> Bool {
        guard !isEmpty else { return false }
        let header =
            PackHeader.byteCount(rowCount: rowCount + 1, dataKeyCount: dataKeys.count + 1) + 12
            * (groups.count + 1)
        return bytes.count + byteCount + header + SignedObject.overhead + 4 > PackBuilder.targetByteCount
            || rowCount == PackHeader.rowLimit || dataKeys.count == PackHeader.dataKeyLimit
    }

    /// Adds a piece in its sealed form.
    mutating func append(_ sealed: RawSpan, _ row: PieceRow, keyNumber: UInt32, _ dataKey: SealedDataKey) {
        let position: Int
        if let known = dataKeys.firstIndex(of: dataKey) {
            position = known
        } else {
            position = dataKeys.count
            dataKeys.append(dataKey)
        }
        if groups.last?.dataKey != UInt32(position) || groups.last?.keyNumber != keyNumber {
            groups.append(PieceGroup(dataKey: UInt32(position), keyNumber: keyNumber, rows: []))
        }
        groups[groups.count - 1].rows.append(row)
        unsafe sealed.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        rowCount += 1
    }

    /// Closes the pack.
    consuming func finish(in session: SigningContext) -> FinishedPack {
        FinishedPack(closing: PackMemory(bytes), kind, dataKeys: dataKeys, groups: groups, in: session)
    }
}
