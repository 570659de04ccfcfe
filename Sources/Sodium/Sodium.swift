// libsodium, in the shapes that Strongroom uses it: keys in guarded memory (`SecretBytes`), one type a
// primitive, nothing that returns an unauthenticated byte. Compositions that other formats define (age, SSHSIG,
// sealed values) live with those formats; here is only what RFCs and libsodium define.
internal import CSodium
internal import Glibc

/// The library as a whole.
package enum Sodium {
    /// Prepares libsodium (sodium_init(3)) and checks that the kernel's random source answers (getrandom(2)).
    ///
    /// To be called once at program start, before any other use of this module; calling again does nothing.
    /// libsodium asks the source again for each random value and can't go on where it has stopped to answer: it then
    /// calls `lost` (sodium_set_misuse_handler), which must end the process, and aborts where that returns.
    /// Throws `unavailable` where the library or the random source can't be used.
    package static func start(whenLost lost: (@convention(c) () -> Void)? = nil) throws(SodiumError) {
        var probe: UInt64 = 0
        // Asked before libsodium is: without any source, it would not come back from sodium_init.
        while unsafe getrandom(&probe, 8, 0) != 8 {
            guard errno == EINTR else { throw SodiumError(.unavailable, "getrandom") }
        }
        if let lost { sodium_set_misuse_handler(lost) }
        guard sodium_init() >= 0 else { throw SodiumError(.unavailable, "sodium_init") }
    }

    /// Whether the library is prepared; guarded memory asks, so that no key exists before it is.
    static let isPrepared = sodium_init() >= 0

    /// Whether `first` and `second` hold the same bytes, compared in constant time (sodium_memcmp). Lengths are
    /// not secret.
    package static func isEqual(_ first: RawSpan, _ second: RawSpan) -> Bool {
        guard first.byteCount == second.byteCount else { return false }
        return unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                guard let a = first.baseAddress, let b = second.baseAddress else { return true }
                return unsafe sodium_memcmp(a, b, first.count) == 0
            }
        }
    }
}

/// Why a primitive gave no result. Never says anything about the bytes.
package struct SodiumError: Error, Equatable, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// The library, the random source or guarded memory is not to be had.
        case unavailable
        /// A tag, commitment or signature does not fit.
        case notAuthentic
        /// A key agreement gave the all-zero secret: the peer's share has low order.
        case lowOrder
        /// A parameter is outside what the function takes.
        case invalidParameter
    }

    /// The fact.
    package let code: Code
    /// The C function or primitive.
    package let context: String

    /// Makes an error for `code` at the function `context`.
    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }
}
