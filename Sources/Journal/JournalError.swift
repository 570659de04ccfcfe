internal import GRDB
internal import Glibc

/// Why the journal could not be opened, read or written.
package struct JournalError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable, Hashable {
        /// The path is a link, a directory, or leads nowhere.
        case cannotOpen
        /// The file is not a journal, or is damaged.
        case damaged
        /// The file was written by a newer Strongroom.
        case newerVersion
        /// Another process kept the file locked for longer than the busy time-out.
        case busy
        /// The disk is full.
        case noSpace
        /// Any other failure to read or write, for lack of rights too.
        case io
        /// A record that is not to be kept: no commit id, no name, or not the form the column has.
        case malformedRecord
    }

    /// The fact.
    package let code: Code
    /// What was done, in words, with SQLite's message where it had one. Never a statement's values.
    package let context: String

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    /// What GRDB threw while `action` was done.
    init(_ error: any Error, _ action: String) {
        if let error = error as? JournalError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.io, action)
            return
        }
        // Only the code and SQLite's own sentence: the description of a DatabaseError holds the statement.
        self.init(JournalError.code(error.resultCode), "\(action): \(error.message ?? "no message")")
    }

    /// The failure of the system call `function` on `path`.
    init(_ function: String, _ path: String, errno number: Int32) {
        let code: Code =
            switch number {
            case ENOSPC, EDQUOT: .noSpace
            case ENOENT, ENOTDIR, EISDIR, ELOOP: .cannotOpen
            default: .io
            }
        self.init(code, "\(path): \(function): errno \(number)")
    }

    private static func code(_ result: ResultCode) -> Code {
        switch result {
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
        case .SQLITE_FULL: .noSpace
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
        case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH: .malformedRecord
        default: .io
        }
    }
}

extension JournalError: CustomStringConvertible {
    /// One line for people.
    package var description: String { "journal: \(context)" }
}
