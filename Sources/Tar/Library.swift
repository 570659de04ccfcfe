internal import CArchive
internal import CLate
import Files
import Glibc

/// libarchive as a whole.
enum ArchiveLibrary {
    /// Loads the library once for the process (dlopen(3)): it brings a dozen others, and most verbs need none of them.
    /// Each handle of this module calls it first. Throws `libraryMissing`.
    static func start() throws(TarError) {
        guard let missing else { return }
        throw TarError(.libraryMissing, "", "\(missing) cannot be loaded")
    }

    private static let missing = unsafe strongroom_load_archive().map { unsafe String(cString: $0) }
}

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
