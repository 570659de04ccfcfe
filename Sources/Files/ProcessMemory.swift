internal import CLinux
import Glibc

/// Who may look into this process's memory.
package enum ProcessMemory {
    /// From now on no core file is written, and no process of the same user can read the memory or attach
    /// (PR_SET_DUMPABLE of prctl(2), RLIMIT_CORE of setrlimit(2)). Root still can.
    package static func forbidDumps() {
        _ = linux_forbid_dumps()
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
