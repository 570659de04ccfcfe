internal import Dispatch
internal import Synchronization

/// A few threads for work that blocks: fetching, writing, hashing. What hangs there hangs none of the threads that
/// timers, signals and the status socket need.
final class BlockingPool: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var first = 0
        var idle: [Int]
    }

    private let queues: [DispatchQueue]
    private let state: Mutex<State>

    /// A pool of `count` threads.
    init(count: Int) {
        queues = (0..<count).map { DispatchQueue(label: "strongroom.blocking.\($0)") }
        state = Mutex(State(idle: Array(0..<count)))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let woken = state.withLock { state -> Int? in
            state.jobs.append(job)
            return state.idle.popLast()
        }
        guard let woken else { return }
        queues[woken].async { self.work(woken) }
    }

    /// Runs jobs until none is left.
    private func work(_ index: Int) {
        while true {
            let job = state.withLock { state -> UnownedJob? in
                guard state.first < state.jobs.count else {
                    state.jobs.removeAll(keepingCapacity: true)
                    state.first = 0
                    state.idle.append(index)
                    return nil
                }
                defer { state.first += 1 }
                return state.jobs[state.first]
            }
            guard let job else { return }
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
