import Synchronization

/// Bounds how many tasks are under way: waiting suspends, it blocks no thread. First come, first served.
package final class TaskSemaphore: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []

        mutating func takeFree() -> Bool {
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }

    private let state: Mutex<State>

    /// `count` may be under way at once.
    package init(_ count: Int) {
        state = Mutex(State(free: count))
    }

    /// Takes a place, when one is free.
    func wait() async {
        if state.withLock({ $0.takeFree() }) { return }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.takeFree() { return true }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Runs `body` when a place is free. A task that was cancelled while it waited gets its turn as well, and has to look.
    package func withPlace<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        await wait()
        defer { signal() }
        return try await body()
    }

    /// Waits until a place is free, and takes none.
    func pass() async {
        guard state.withLock({ $0.free == 0 }) else { return }
        await wait()
        signal()
    }

    /// Gives a place back.
    func signal() {
        let next = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil as CheckedContinuation<Void, Never>?
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

/// Codecs for as many tasks as use one at once.
final class CodecPool: Sendable {
    private let limit: Int
    private let level: Int
    private let free = Mutex<[ChunkCodec]>([])

    /// Codecs for plaintexts of at most `limit` bytes that compress at `level`.
    init(limit: Int, level: Int) {
        self.limit = limit
        self.level = level
    }

    /// Lends a codec that nobody else uses meanwhile.
    func withCodec<Result: ~Copyable>(
        _ body: (ChunkCodec) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        let idle = free.withLock { $0.popLast() }
        let codec = if let idle { idle } else { try ChunkCodec(limit: limit, level: level) }
        defer { free.withLock { $0.append(codec) } }
        return try body(codec)
    }
}
