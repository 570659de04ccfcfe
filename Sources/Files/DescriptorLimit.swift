internal import CLinux
internal import Glibc
internal import Synchronization

/// How many descriptors this process may have open, and what the programs that it starts get of that.
package enum DescriptorLimit {
    // The soft limit before it was raised; 0 where it was not.
    private static let original = Atomic<UInt64>(0)

    /// Raises the calling process's soft limit to the hard one (RLIMIT_NOFILE of setrlimit(2)): a walk of a deep tree
    /// holds a descriptor a level.
    package static func raise() {
        var limits = rlimit()
        guard unsafe linux_descriptor_limits(0, nil, &limits) == 0, limits.rlim_cur < limits.rlim_max else {
            return
        }
        let soft = UInt64(limits.rlim_cur)
        limits.rlim_cur = limits.rlim_max
        guard unsafe linux_descriptor_limits(0, &limits, nil) == 0 else { return }
        // A second call raises what `restore` lowered: the first limit is the one that was found.
        _ = original.compareExchange(expected: 0, desired: soft, ordering: .relaxed)
    }

    /// Raises again what `restore(of: 0)` lowered to start a program.
    package static func raiseAgain() {
        if original.load(ordering: .relaxed) > 0 { raise() }
    }

    /// Gives the soft limit from before back to `process`, a program that was started just now, or to the calling process
    /// with 0: programs that use select(2) can't have more. Does nothing where it was not raised (prlimit(2)). See
    /// `raiseAgain`.
    package static func restore(of process: Int32) {
        let soft = original.load(ordering: .relaxed)
        var limits = rlimit()
        guard soft > 0, unsafe linux_descriptor_limits(process, nil, &limits) == 0 else { return }
        limits.rlim_cur = min(rlim_t(soft), limits.rlim_max)
        _ = unsafe linux_descriptor_limits(process, &limits, nil)
    }
}
