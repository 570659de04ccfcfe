internal import Dispatch
internal import Sodium
internal import Synchronization

/// Some chunks of a payload, one after the other, that one thread works on: the unit in which a large payload is
/// shared out. The buffers are wiped when the block goes.
final class PayloadBlock: Sendable {
    /// What the thread works on.
    struct Content: ~Copyable {
        /// The number of the first chunk.
        var firstIndex: UInt64 = 0
        /// The bytes that are filled, of chunks that are full but for the last.
        private(set) var byteCount = 0
        /// Chunks with room for a tag behind each, which are sealed and opened in their place.
        var text: WipedBuffer
        /// How many chunks were found to be authentic.
        var authenticCount = 0
        /// Bytes that fill one chunk.
        let inputByteCount: Int
        /// How many chunks there is room for.
        let chunkLimit: Int

        init(chunkLimit: Int, inputByteCount: Int) {
            self.chunkLimit = chunkLimit
            self.inputByteCount = inputByteCount
            text = WipedBuffer(byteCount: chunkLimit * PayloadStream.sealedChunkByteCount)
        }

        /// How many chunks hold something.
        var chunkCount: Int { (byteCount + inputByteCount - 1) / inputByteCount }

        /// Whether there is no room left.
        var isFull: Bool { byteCount == chunkLimit * inputByteCount }

        /// The bytes that the chunk at `position` of the block holds.
        func chunkByteCount(_ position: Int) -> Int {
            min(inputByteCount, byteCount - position * inputByteCount)
        }

        /// Takes bytes from the front of `bytes` as long as there is room, and returns how many.
        mutating func fill(_ bytes: RawSpan) -> Int {
            var taken = 0
            while taken < bytes.byteCount, !isFull {
                taken += fill { output in
                    let count = min(output.byteCount, bytes.byteCount - taken)
                    bytes.extracting(taken..<(taken + count)).copy(into: &output)
                    return count
                }
            }
            return taken
        }

        /// Lends the room that is left in the chunk that is being filled to `read`, which fills the front of it and
        /// returns how many bytes. There must be room.
        mutating func fill<Failure: Error>(
            _ read: (inout MutableRawSpan) throws(Failure) -> Int
        ) throws(Failure) -> Int {
            let (position, offset) = byteCount.quotientAndRemainder(dividingBy: inputByteCount)
            let start = position * PayloadStream.sealedChunkByteCount + offset
            let end = start + inputByteCount - offset
            let count = try text.withMutableBytes(first: end) { (span) throws(Failure) in
                var room = span._mutatingExtracting(start..<end)
                return try read(&room)
            }
            precondition((0...(end - start)).contains(count))
            byteCount += count
            return count
        }

        /// Makes room again, for chunks from number `index` on.
        mutating func clear(firstIndex index: UInt64) {
            firstIndex = index
            byteCount = 0
            authenticCount = 0
        }
    }

    /// The chunks. Nobody but the thread that works on them holds the lock for long.
    let content: Mutex<Content>
    /// 0 while nobody is to work on the chunks, else the number of the call that asked for it.
    private let task = Atomic<Int>(0)
    private let isDone = DispatchSemaphore(value: 0)

    /// A block with room for `chunkLimit` chunks of `inputByteCount` bytes.
    init(chunkLimit: Int, inputByteCount: Int) {
        content = Mutex(Content(chunkLimit: chunkLimit, inputByteCount: inputByteCount))
    }

    /// Asks a thread of the system's pool to do `work` on the content; `finish` waits for it. `number` is another one at
    /// each call, and not 0.
    func start(_ number: Int, _ work: @escaping @Sendable (inout Content) -> Void) {
        task.store(number, ordering: .releasing)
        DispatchQueue.global().async { [self] in
            // Whoever waited may have done it himself, and the block may be in use again.
            guard take(number) else { return }
            content.withLock { work(&$0) }
            isDone.signal()
        }
    }

    /// Returns when the work that was started as `number` is done: does it here where no thread has taken it up, so that
    /// nothing depends on there being a free one.
    func finish(_ number: Int, _ work: (inout Content) -> Void) {
        if take(number) {
            content.withLock { work(&$0) }
        } else {
            isDone.wait()
        }
    }

    private func take(_ number: Int) -> Bool {
        task.compareExchange(expected: number, desired: 0, ordering: .acquiringAndReleasing).exchanged
    }
}

/// The blocks of one payload: one that is being filled and a bounded number that threads work on, which come back in
/// the order of the payload. The first block is one chunk, on which no thread but the caller's works: most payloads have
/// no more.
struct PayloadBlocks: ~Copyable {
    /// Chunks of a block: 256 KiB, long enough for handing over to cost little.
    private static let chunkLimit = 4
    /// Blocks under way, 1 MiB: so far threads work ahead of a slow reader or writer. More of them would not stay in
    /// the processor's caches.
    private static let startedLimit = 4

    /// The block that is being filled.
    private(set) var current: PayloadBlock
    private let inputByteCount: Int
    private let work: @Sendable (inout PayloadBlock.Content) -> Void
    private var started: [(block: PayloadBlock, number: Int)] = []
    private var spare: [PayloadBlock] = []
    private var number = 0
    private var index: UInt64 = 0

    /// Blocks of chunks of `inputByteCount` bytes; `work` is to be done on those that are full and followed by another.
    init(inputByteCount: Int, _ work: @escaping @Sendable (inout PayloadBlock.Content) -> Void) {
        self.inputByteCount = inputByteCount
        self.work = work
        current = PayloadBlock(chunkLimit: 1, inputByteCount: inputByteCount)
    }

    /// Fills blocks with `bytes`. A full one is started when more bytes come, and the oldest goes to `output` when it is
    /// done and too many are under way.
    mutating func fill<Failure: Error>(
        _ bytes: RawSpan, output: (PayloadBlock) throws(Failure) -> Void
    ) throws(Failure) {
        var rest = bytes
        while rest.byteCount > 0 {
            if current.content.withLock({ $0.isFull }) { try advance(output: output) }
            let count = current.content.withLock { $0.fill(rest) }
            rest = rest.extracting(droppingFirst: count)
        }
    }

    /// Fills blocks with what `read` gives, as `fill(_:output:)`, until it gives no more. Nothing is copied in between.
    mutating func fill(
        reading read: (inout MutableRawSpan) throws -> Int,
        output: (PayloadBlock) throws(AgeError) -> Void
    ) throws(AgeError) {
        // A block is started when it is known that something follows it.
        var next = WipedBuffer(byteCount: 1)
        while true {
            guard current.content.withLock({ $0.isFull }) else {
                let count = try current.content.withLock { (content) throws(AgeError) in
                    try content.fill { (room) throws(AgeError) in
                        var count = 0
                        try AgeError.interruptible { count = try read(&room) }
                        return count
                    }
                }
                guard count > 0 else { return }
                continue
            }
            let count = try next.withMutableBytes(first: 1) { (room) throws(AgeError) in
                var count = 0
                try AgeError.interruptible { count = try read(&room) }
                return count
            }
            guard count > 0 else { return }
            try next.withBytes(first: 1) { (byte) throws(AgeError) in try fill(byte, output: output) }
        }
    }

    /// Hands all blocks that are under way to `output`, in order. The current one stays.
    mutating func drain<Failure: Error>(
        output: (PayloadBlock) throws(Failure) -> Void
    ) throws(Failure) {
        while !started.isEmpty { try finishOldest(output: output) }
    }

    private mutating func advance<Failure: Error>(
        output: (PayloadBlock) throws(Failure) -> Void
    ) throws(Failure) {
        let count = current.content.withLock { UInt64($0.chunkCount) }
        if index == 0 {
            // The first block is one chunk, which is not worth a thread.
            current.content.withLock { work(&$0) }
            try output(current)
        } else {
            number += 1
            current.start(number, work)
            started.append((current, number))
            if started.count > PayloadBlocks.startedLimit { try finishOldest(output: output) }
        }
        index += count
        current =
            spare.popLast()
            ?? PayloadBlock(
                chunkLimit: PayloadBlocks.chunkLimit, inputByteCount: inputByteCount)
        current.content.withLock { $0.clear(firstIndex: index) }
    }

    private mutating func finishOldest<Failure: Error>(
        output: (PayloadBlock) throws(Failure) -> Void
    ) throws(Failure) {
        let (block, number) = started.removeFirst()
        block.finish(number, work)
        try output(block)
        spare.append(block)
    }
}
