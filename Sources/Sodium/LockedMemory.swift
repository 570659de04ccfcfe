internal import CSodium
internal import Synchronization

/// Whether secrets can be kept out of the swap space, and what happens where they can't.
///
/// sodium_malloc(3) goes on without a word where the system doesn't lock what it gives (RLIMIT_MEMLOCK). Here somebody asks.
package enum LockedMemory {
    /// What went wrong with guarded memory.
    package enum Fault: Sendable {
        /// The system gives no more memory.
        case exhausted
        /// It gives some that it doesn't lock, and that was required.
        case notLocked
    }

    /// Whether the system locks memory for this process now: as much as a few keys take. Nothing stays locked.
    package static var isAvailable: Bool {
        guard let base = unsafe sodium_malloc(probeByteCount) else { return false }
        defer { unsafe sodium_free(base) }
        return unsafe sodium_mlock(base, probeByteCount) == 0
    }

    /// From now on every region that is not locked is refused, where `isRequired`; `refuse` ends the program, also where
    /// there is no memory at all. To be called once, at its start.
    package static func configure(
        isRequired: Bool, refusingBy refuse: @escaping @Sendable (Fault) -> Never
    ) {
        refusal.withLock { $0 = refuse }
        isLockRequired.store(isRequired, ordering: .relaxed)
    }

    /// A region of `byteCount` bytes that is as locked as it has to be. Ends the program where there is none.
    static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let base = unsafe sodium_malloc(byteCount) else { fail(.exhausted) }
        guard isLockRequired.load(ordering: .relaxed) else { return unsafe base }
        // Locking what is locked already does nothing.
        guard unsafe sodium_mlock(base, byteCount) == 0 else {
            unsafe sodium_free(base)
            fail(.notLocked)
        }
        return unsafe base
    }

    private static func fail(_ fault: Fault) -> Never {
        if let refuse = refusal.withLock({ $0 }) { refuse(fault) }
        preconditionFailure("guarded memory exhausted")
    }

    private static let probeByteCount = 16 << 10
    private static let isLockRequired = Atomic<Bool>(false)
    private static let refusal = Mutex<(@Sendable (Fault) -> Never)?>(nil)
}
