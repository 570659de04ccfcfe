package import Files
internal import Glibc

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
    /// Whether what it leaves running in its process group is ended with it: right for what hands its work back, wrong
    /// for what starts a service.
    package var endsGroup: Bool

    /// Where programs are looked up by default.
    package static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// An environment with the standard PATH and a UTF-8 locale alone.
    package static let standardEnvironment = ["PATH": standardPath, "LANG": "C.UTF-8"]

    /// A program of these values.
    package init(
        _ arguments: [String], environment: [String: String] = standardEnvironment, directory: Path = "/",
        timeout: Duration = .seconds(60), grace: Duration = .seconds(5), endsGroup: Bool = false
    ) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.timeout = timeout
        self.grace = grace
        self.endsGroup = endsGroup
    }

    /// The file to execute: the absolute path given, else the first executable regular file of that name in the
    /// absolute directories of PATH. Throws `notFound`, and `invalidName` for a relative path or none.
    package func executable() throws(ProcessError) -> Path {
        guard let name = arguments.first.map({ Path($0) }), !name.bytes.isEmpty, !name.bytes.contains(0)
        else {
            throw ProcessError(.invalidName, "no program is named")
        }
        guard !name.bytes.contains(0x2F) else {
            guard name.isAbsolute else { throw ProcessError(.invalidName, "\(name): not an absolute path") }
            return name
        }
        for entry in (environment["PATH"] ?? "").split(separator: ":") where entry.utf8.first == 0x2F {
            let candidate = Path(String(entry)).appending(name)
            if ChildProgram.isExecutable(candidate) { return candidate }
        }
        throw ProcessError(.notFound, "\(name): no such program in \(environment["PATH"] ?? "an empty PATH")")
    }

    private static func isExecutable(_ path: Path) -> Bool {
        var facts = stat()
        let text = path.bytes.map { CChar(bitPattern: $0) } + [0]
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
    /// The bytes of its standard input that the program did not read.
    package let unreadCount: Int

    /// Whether it ended with status 0.
    package var isSuccess: Bool { ending == .exited(0) }
}
