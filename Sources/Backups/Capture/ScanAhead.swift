internal import Archives
internal import Synchronization

/// A walk that goes on, on a thread of its own, while what it found is taken in: some way ahead, no further. Every
/// directory in which something was found that is not taken in yet is open.
final class ScanAhead: Sendable {
    private struct State {
        var ready: [[DirectoryScan.Item]] = []
        var isEnded = false
        var isCancelled = false
        var walker: CheckedContinuation<Void, Never>?
        var taker: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Items are handed over so many at a time.
    private static let batchCount = 160
    /// Batches that may wait.
    private static let batchLimit = 2

    private init() {}

    /// Begins to walk. `cancel` ends it.
    static func start(_ scan: sending DirectoryScan) -> ScanAhead {
        let ahead = ScanAhead()
        Task.detached(executorPreference: WorkExecutor.shared) { await ahead.walk(scan) }
        return ahead
    }

    /// The next items, in the order of the walk; nil at the end. One task takes them.
    func next() async -> [DirectoryScan.Item]? {
        while true {
            let (items, isEnded, walker) = state.withLock { state in
                guard !state.ready.isEmpty else {
                    return ([DirectoryScan.Item]?.none, state.isEnded, state.walker.take())
                }
                return (state.ready.removeFirst(), false, state.walker.take())
            }
            walker?.resume()
            if let items { return items }
            if isEnded { return nil }
            await withCheckedContinuation { taker in
                let isReady = state.withLock { state in
                    if !state.ready.isEmpty || state.isEnded { return true }
                    state.taker = taker
                    return false
                }
                if isReady { taker.resume() }
            }
        }
    }

    /// Ends the walk where it is.
    func cancel() {
        let walker = state.withLock { state in
            state.isCancelled = true
            state.ready = []
            return state.walker.take()
        }
        walker?.resume()
    }

    private func walk(_ scan: DirectoryScan) async {
        var items: [DirectoryScan.Item] = []
        while let item = scan.next() {
            items.append(item)
            guard items.count == ScanAhead.batchCount else { continue }
            guard await put(items) else { break }
            items = []
        }
        if !items.isEmpty { _ = await put(items) }
        let taker = state.withLock { state in
            state.isEnded = true
            return state.taker.take()
        }
        taker?.resume()
    }

    /// Leaves items to be taken, when there is room; false when nobody will.
    private func put(_ items: [DirectoryScan.Item]) async -> Bool {
        while true {
            let (isPut, isCancelled, taker) = state.withLock { state in
                guard !state.isCancelled, state.ready.count < ScanAhead.batchLimit else {
                    return (false, state.isCancelled, CheckedContinuation<Void, Never>?.none)
                }
                state.ready.append(items)
                return (true, false, state.taker.take())
            }
            taker?.resume()
            if isPut || isCancelled { return isPut }
            await withCheckedContinuation { walker in
                let isFree = state.withLock { state in
                    if state.isCancelled || state.ready.count < ScanAhead.batchLimit { return true }
                    state.walker = walker
                    return false
                }
                if isFree { walker.resume() }
            }
        }
    }
}
