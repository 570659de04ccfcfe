internal import CArchive
import Glibc

/// The character set of the thread while libarchive works: plain C, whatever the process has set. The library
/// converts names from and to it, and composes accents while at it; in C it has to leave bytes alone or say
/// that it can't.
enum PlainLocale {
    /// Kept for the life of the process. newlocale(3).
    private static let handle: UInt = unsafe UInt(bitPattern: newlocale(1 << LC_CTYPE, "C", nil))

    static func run<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        let before = unsafe uselocale(locale_t(bitPattern: handle))
        defer { unsafe uselocale(before) }
        return try body()
    }
}

/// The library's words for its last failure.
enum ArchiveMessage {
    static func text(_ handle: OpaquePointer) -> String {
        guard let text = unsafe archive_error_string(handle) else { return "" }
        return unsafe String(cString: text)
    }
}
