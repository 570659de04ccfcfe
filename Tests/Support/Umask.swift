internal import Glibc

/// The umask, which is the whole process's: one test changes it at a time, and programs that others start meanwhile wait,
/// for they inherit it.
package enum Umask {
    /// A recursive lock: what changed the umask may start programs, which are to have it then.
    @safe private final class Lock: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

        init() {
            var attributes = pthread_mutexattr_t()
            unsafe pthread_mutexattr_init(&attributes)
            unsafe pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
            unsafe pthread_mutex_init(mutex, &attributes)
            unsafe pthread_mutexattr_destroy(&attributes)
        }

        func take() { unsafe pthread_mutex_lock(mutex) }

        func release() { unsafe pthread_mutex_unlock(mutex) }
    }

    private static let lock = Lock()

    /// A changed umask, until `end()` on the same thread.
    package struct Change {
        fileprivate let old: mode_t

        /// Sets the umask back.
        package func end() {
            umask(old)
            Umask.lock.release()
        }
    }

    /// Sets the umask to `mask` until the change's end; waits where another test has changed it.
    package static func begin(_ mask: UInt32) -> Change {
        lock.take()
        return Change(old: umask(mask))
    }

    /// Runs `body`, which starts a program, under the process's own umask, or that which this thread has set.
    package static func undisturbed<Value>(_ body: () -> Value) -> Value {
        lock.take()
        defer { lock.release() }
        return body()
    }
}
