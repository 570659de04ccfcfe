internal import CArchive
package import Files

/// What could not be written as, or read from, a tar archive.
package struct TarError: Error, Sendable {
    /// The kind of failure; the only part that is compared.
    package enum Code: Sendable, Hashable {
        /// The entry can't be said in this format: a socket, an empty name, a NUL, a broken sparse map or
        /// ACL.
        case notRepresentable
        /// The bytes are no pax or ustar archive, or a damaged one.
        case damaged
        /// The archive ends too early.
        case truncated
        /// A form of tar, or a kind of member, that is not read: GNU's own, the oldest, compressed ones.
        case unsupported
        /// More or fewer bytes of content than the entry announced.
        case wrongLength
        /// libarchive is not there, or lacks a function.
        case libraryMissing
        /// No memory for the library.
        case noMemory
        /// The sink or the source failed; see `underlying`.
        case transfer
    }

    /// What kind of failure it is.
    package let code: Code
    /// The C function that told it; empty where a rule of this module refused.
    package let operation: String
    /// The member's name, as far as it is known.
    package let path: Path
    /// The library's own words.
    package let message: String
    /// What the sink or the source threw.
    package let underlying: (any Error)?

    init(
        _ code: Code, _ path: Path, _ message: String = "", operation: StaticString = "",
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.operation = operation.description
        self.path = path
        self.message = message
        self.underlying = underlying
    }
}

extension TarError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        if let underlying { return "\(path): \(underlying)" }
        return operation.isEmpty ? "\(path): \(message)" : "\(path): \(message) [\(operation)]"
    }
}

/// libarchive's return codes, each as itself. archive.h.
enum ArchiveStatus: Sendable, Equatable {
    /// ARCHIVE_OK.
    case ok
    /// ARCHIVE_EOF: the archive has ended.
    case end
    /// ARCHIVE_WARN: done, but not as asked.
    case warning
    /// ARCHIVE_RETRY: not done, may be called again.
    case retry
    /// ARCHIVE_FAILED: this member can't be done.
    case failed
    /// ARCHIVE_FATAL, and any number the library doesn't define: nothing more can be done.
    case fatal

    init(_ result: Int32) {
        switch result {
        case ARCHIVE_OK: self = .ok
        case ARCHIVE_EOF: self = .end
        case ARCHIVE_WARN: self = .warning
        case ARCHIVE_RETRY: self = .retry
        case ARCHIVE_FAILED: self = .failed
        default: self = .fatal
        }
    }
}
