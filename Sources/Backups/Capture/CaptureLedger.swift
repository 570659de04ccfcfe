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
        guard first < queue.count else { return }
        let expected = queue[first]
        first += 1
        if first == queue.count || first >= 4096 {
            queue.removeFirst(first)
            first = 0
        }
        if let content = expected.content, content != entry.content { distrust() }
        guard var record = expected.record, record.state.changed < limit else {
            recorder?.change()
            return
        }
        record.content = entry.content
        recorder?.remember(entry.path, record)
    }

    /// Leaves the memory for the next capture.
    func finish() { recorder.take()?.finish() }
}
