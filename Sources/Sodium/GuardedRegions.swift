internal import CSodium
internal import Synchronization

/// Regions of `sodium_malloc` for `SecretBytes`: locked, between guard pages, left out of core dumps.
///
/// A region costs some fourteen system calls to make and to give back, and a value that is sealed needs three, so
/// small ones are wiped and kept when they are released. Larger ones come from the library and go back to it.
enum GuardedRegions {
    /// Bytes of a region that is kept: all of a page but the canary that the library puts before them.
    private static let keptByteCount = 4_096 - 16
    /// Regions that are kept while nobody uses them: 64 KiB of locked memory.
    private static let keptLimit = 16
    /// Addresses of wiped regions that nobody uses.
    private static let free = Mutex<[UInt]>([])

    /// A region of at least `byteCount` bytes that can be written. Ends the program as
    /// `LockedMemory` was told where the system has none.
    static func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if byteCount <= keptByteCount, let address = free.withLock({ $0.popLast() }),
            let base = unsafe UnsafeMutableRawPointer(bitPattern: address)
        {
            return unsafe base
        }
        let count = byteCount <= keptByteCount ? keptByteCount : byteCount
        return unsafe LockedMemory.allocate(count)
    }

    /// Wipes and gives back the region at `base`, which was taken for `byteCount` bytes.
    static func give(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        guard byteCount <= keptByteCount else { return unsafe sodium_free(base) }
        unsafe sodium_mprotect_readwrite(base)
        unsafe sodium_memzero(base, byteCount)
        let address = UInt(bitPattern: base)
        let isKept = free.withLock { free in
            guard free.count < keptLimit else { return false }
            free.append(address)
            return true
        }
        guard !isKept else { return }
        unsafe sodium_free(base)
    }
}
