import Archives
import Synchronization
import Testing

@testable import Daemon

private final class Counts: Sendable {
    let inside = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let total = Atomic<Int>(0)
}

@Suite struct LoopTests {
    @Test func `a gate lets in as many as it has room for, and all in the end`() async {
        let gate = TaskSemaphore(3)
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    await gate.withPlace {
                        let now = counts.inside.add(1, ordering: .sequentiallyConsistent).newValue
                        counts.most.max(now, ordering: .sequentiallyConsistent)
                        await Task.yield()
                        counts.inside.subtract(1, ordering: .sequentiallyConsistent)
                        counts.total.add(1, ordering: .sequentiallyConsistent)
                    }
                }
            }
        }
        #expect(counts.total.load(ordering: .sequentiallyConsistent) == 200)
        #expect(counts.most.load(ordering: .sequentiallyConsistent) <= 3)
    }

    @Test func `a gate is open again after work that threw`() async {
        struct Failure: Error {}
        let gate = TaskSemaphore(1)
        for _ in 0..<3 {
            await #expect(throws: Failure.self) { try await gate.withPlace { throw Failure() } }
        }
        #expect(await gate.withPlace { true })
    }

    @Test func `work in the pool leaves the other threads alone, and all of it is done`() async {
        let pool = BlockingPool(count: 4)
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<500 {
                group.addTask {
                    await withTaskExecutorPreference(pool) {
                        await Task.yield()
                        counts.total.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect(counts.total.load(ordering: .relaxed) == 500)
    }
}
