internal import Archives
internal import Encodings
internal import Files

/// Between a capture and its memory: entries come out of the tree later than they go in, and only then have a content to
/// be remembered.
final class CaptureLedger {
    private struct Expected {
        let record: CaptureRecord?
        /// The content of a file that was read again although it is unchanged.
        let content: Content?
        /// In the place of an entry: a leaf that goes into the tree whole, as it is remembered.
        var leaf: CaptureBlock?
    }

    private var recorder: CaptureRecorder?
    private let isRemembering: Bool
    // In the order in which the entries were added; those before `first` are done.
    private var queue: [Expected] = []
    private var first = 0
    private var isTrusted = true
    // What changed later could change once more without another time: file systems keep coarse times.
    private let limit: FileTime

    /// Times of file systems are as coarse as this, in seconds (FAT).
    private static let coarseness: Int64 = 2

    /// A ledger of a capture that began at `time`; without a recorder nothing is known and nothing remembered.
    init(_ recorder: consuming CaptureRecorder?, startedAt time: Timestamp) {
        switch recorder {
        case .some: isRemembering = true
        case .none: isRemembering = false
        }
        self.recorder = recorder
        limit = FileTime(seconds: time.seconds - CaptureLedger.coarseness)
    }

    /// What is remembered of the entry at `path`, if it is as it was.
    func unchanged(_ path: [UInt8], _ state: FileState) -> CaptureRecord? {
        guard let record = recorder?.unchanged(path, state), isTrusted else { return nil }
        return record
    }

    /// The leaf that began with the entry at `path` in the last capture, if everything before was looked up.
    func leaf(at path: [UInt8]) -> CaptureBlock? {
        guard isTrusted else { return nil }
        return recorder?.leaf(at: path)
    }

    /// The leaf that `leaf(at:)` gave goes into the tree whole.
    func expect(_ leaf: CaptureBlock) {
        recorder?.passLeaf()
        queue.append(Expected(record: nil, content: nil, leaf: leaf))
    }

    /// Whether an unchanged file is to be read again all the same.
    func isDrawn(_ state: FileState) -> Bool { recorder?.isDrawn(state) ?? false }

    /// Files have other bytes than were remembered, or the memory is wrong: from here on everything is read.
    func distrust() {
        isTrusted = false
        recorder?.change()
    }

    /// An entry goes into the tree, to be remembered by `record`, if at all; with the content that it had.
    func expect(_ record: CaptureRecord?, content: Content?) {
        guard isRemembering else { return }
        queue.append(Expected(record: record, content: content))
    }

    /// The entry that was expected last didn't go into the tree.
    func withdraw() {
        guard !queue.isEmpty else { return }
        queue.removeLast()
    }

    /// An entry comes out of the tree.
    func settle(_ entry: Entry) {
        guard let expected = next() else { return }
        if let content = expected.content, content != entry.content { distrust() }
        guard var record = expected.record, record.state.changed < limit else {
            recorder?.skip()
            return
        }
        record.content = entry.content
        recorder?.remember(entry.path, record)
    }

    /// A leaf of entries that came out of the tree is stored, or one that went in whole comes out.
    func settle(_ leaf: TreeLeaf, isHeld: Bool) {
        guard isHeld else {
            recorder?.endLeaf(leaf)
            return
        }
        guard let block = next()?.leaf else { return }
        recorder?.remember(block)
    }

    /// What was expected first.
    private func next() -> Expected? {
        guard first < queue.count else { return nil }
        let expected = queue[first]
        first += 1
        if first == queue.count || first >= 4096 {
            queue.removeFirst(first)
            first = 0
        }
        return expected
    }

    /// Leaves the memory for the next capture.
    func finish() { recorder.take()?.finish() }
}
