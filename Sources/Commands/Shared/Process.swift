internal import Encodings
internal import Files
internal import Glibc
internal import Sodium

/// What the process makes sure of before it touches a key.
enum Process {
    /// Forbids core dumps and reading by other processes of the same user, closes files to others, starts
    /// libsodium (CASES: memory hygiene). Throws where the random source fails.
    static func harden() throws {
        ProcessMemory.forbidDumps()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        try Sodium.start()
    }

    /// The value of an environment variable; nil where it is unset or empty.
    static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// The moment now, in UTC (clock_gettime(2)).
    static var now: Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The absolute path of the working directory.
    static func workingDirectory() throws -> String {
        guard let path = unsafe getcwd(nil, 0) else {
            throw Failure(.inputOutput, "the working directory is gone")
        }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// The absolute path of the directory `path`, every link on the way resolved (realpath(3)).
    static func canonical(_ path: String) throws -> String {
        guard let resolved = unsafe realpath(path.isEmpty ? "." : path, nil) else {
            throw Failure(.usage, "\(path): no such directory")
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// The canonical path of `path` where it is a directory, else nil.
    static func canonicalIfDirectory(_ path: String) throws -> String? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return try canonical(path)
    }

    /// `path`, made absolute with the working directory.
    static func absolute(_ path: String) throws -> String {
        path.hasPrefix("/") ? path : try workingDirectory() + "/" + path
    }
}
