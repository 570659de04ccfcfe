import Dispatch

/// Threads for work that waits for disks: reading sources, storing packs. The threads that hash, compress and seal are the
/// concurrency runtime's, as many as processors; one of them that waited would be a processor idle.
package final class WorkExecutor: TaskExecutor {
    /// The process's own: threads come and go with the work.
    package static let shared = WorkExecutor()

    private let queue = DispatchQueue(label: "strongroom.work", attributes: .concurrent)

    private init() {}

    /// Runs a job on a thread of this executor.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }

    /// Runs `body`, and what it calls, on threads of this executor.
    package static func run<Result, Failure: Error>(
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        try await withTaskExecutorPreference(shared, operation: body)
    }
}
