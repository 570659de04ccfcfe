import Glibc

/// Another program to run: what it is called with, and how long it may take. No shell is ever in between.
package struct ChildProgram: Sendable, Hashable {
    /// The program and its arguments. A program without slash is looked up in `environment`'s PATH.
    package var arguments: [String]
    /// All of the program's environment.
    package var environment: [String: String]
    /// Where it runs.
    package var directory: Path
    /// How long it may run: then its process group gets SIGTERM.
    package var timeout: Duration
    /// How long it has after SIGTERM: then the group gets SIGKILL.
    package var grace: Duration

    /// Where programs are looked up by default.
    package static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// An environment with the standard PATH and a UTF-8 locale alone.
    package static let standardEnvironment = ["PATH": standardPath, "LANG": "C.UTF-8"]

    /// A program of these values.
    package init(
        _ arguments: [String], environment: [String: String] = standardEnvironment, directory: Path = "/",
        timeout: Duration = .seconds(60), grace: Duration = .seconds(5)
    ) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.timeout = timeout
        self.grace = grace
    }

    /// The file to execute: the absolute path given, else the first executable regular file of that name in the
    /// absolute directories of PATH. Throws `notFound`, and `invalidName` for a relative path or none.
    package func executable() throws(FileError) -> Path {
        guard let name = arguments.first.map({ Path($0) }), !name.bytes.isEmpty else {
            throw .refused(.invalidName, "posix_spawn(3)", "")
        }
        guard !name.bytes.contains(Path.slash) else {
            guard name.isAbsolute else { throw .refused(.invalidName, "posix_spawn(3)", name) }
            return name
        }
        for entry in (environment["PATH"] ?? "").split(separator: ":") where entry.utf8.first == Path.slash {
            let candidate = Path(String(entry)).appending(name)
            if try ChildProgram.isExecutable(candidate) { return candidate }
        }
        throw .refused(.notFound, "posix_spawn(3)", name)
    }

    private static func isExecutable(_ path: Path) throws(FileError) -> Bool {
        var facts = stat()
        let text = try path.cString("stat(2)")
        guard unsafe stat(text, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(text, X_OK) == 0
    }
}

/// How a program's run ended.
package enum ChildEnding: Sendable, Hashable {
    /// It ended with this status.
    case exited(Int32)
    /// This signal ended it, which was not ours.
    case signaled(Int32)
    /// Its time was up: its process group was ended.
    case timedOut
    /// Whoever took its output wanted no more: its process group was ended.
    case stopped
    /// The task that ran it was cancelled: its process group was ended.
    case cancelled
}

/// What a run left.
package struct ChildOutcome: Sendable, Hashable {
    /// How it ended.
    package let ending: ChildEnding
    /// The bytes of its input that the program did not read.
    package let unreadCount: Int

    /// Whether it ended with status 0.
    package var isSuccess: Bool { ending == .exited(0) }
}
