internal import CLinux
import Glibc

/// Bounds that a child process puts on itself before it handles what others sent.
package struct ProcessBounds: Sendable {
    /// Bytes of address space (RLIMIT_AS).
    package var addressSpace: Int
    /// Bytes of one file (RLIMIT_FSIZE); a write above fails with EFBIG.
    package var fileSize: Int
    /// Seconds of processor time (RLIMIT_CPU), and of time on the wall, after which SIGALRM ends the process.
    package var seconds: Int

    /// Bounds of these values.
    package init(addressSpace: Int, fileSize: Int, seconds: Int) {
        self.addressSpace = addressSpace
        self.fileSize = fileSize
        self.seconds = seconds
    }

    /// Puts the bounds on the calling process, for good (setrlimit(2), alarm(2)). No core file is written.
    package func apply() {
        signal(SIGXFSZ, SIG_IGN)
        set(RLIMIT_AS, addressSpace)
        set(RLIMIT_FSIZE, fileSize)
        set(RLIMIT_CPU, seconds)
        ProcessMemory.forbidDumps()
        alarm(UInt32(clamping: seconds))
    }

    /// Has the calling process killed when `parent`, its parent, ends; ends it at once where that was so already
    /// (PR_SET_PDEATHSIG of prctl(2)).
    package static func endWithParent(_ parent: Int32) {
        _ = linux_die_with_parent(SIGKILL)
        if getppid() != parent { raise(SIGKILL) }
    }

    /// Closes what the calling process inherited besides the standard descriptors (close_range(2)).
    package static func closeInherited() { _ = linux_close_from(3) }

    private func set(_ resource: __rlimit_resource, _ value: Int) {
        var limit = rlimit(rlim_cur: rlim_t(max(0, value)), rlim_max: rlim_t(max(0, value)))
        _ = unsafe setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }
}
