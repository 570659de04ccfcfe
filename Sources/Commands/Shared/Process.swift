internal import Encodings
internal import Files
internal import Glibc
internal import Sodium
internal import Synchronization

/// What the process makes sure of before it touches a key.
enum Process {
    /// Forbids core dumps and reading by other processes of the same user, closes files to others, starts
    /// libsodium (CASES: memory hygiene), and takes as many descriptors as it may. Throws where the random source fails.
    static func harden() throws {
        ProcessMemory.forbidDumps()
        DescriptorLimit.raise()
        originalMask.store(umask(0o077), ordering: .relaxed)
        signal(SIGPIPE, SIG_IGN)
        try Sodium.start(whenLost: {
            // Nothing is written to files any more; what a temporary file holds is removed by the next run.
            let words: StaticString = "strongroom: error: the random source does not answer any more\n"
            unsafe _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
            _exit(Failure.Code.internalError.rawValue)
        })
        try lockMemory()
    }

    /// Sees to it that secrets are kept in locked memory, as STRONGROOM_LOCKED_MEMORY asks: `warn`, the default, says
    /// where it can't be; `require` ends with exit code 5 then, whenever it is; `off` doesn't ask (CASES: F035).
    private static func lockMemory() throws {
        let hint = "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=), or STRONGROOM_LOCKED_MEMORY=warn"
        let mode = variable("STRONGROOM_LOCKED_MEMORY") ?? "warn"
        guard ["warn", "require", "off"].contains(mode) else {
            throw Failure(.usage, "STRONGROOM_LOCKED_MEMORY: warn, require or off")
        }
        LockedMemory.configure(isRequired: mode == "require") { fault in
            switch fault {
            case .exhausted:
                Console.note("strongroom: error: no memory is left for secrets")
                exit(Failure.Code.inputOutput.rawValue)
            case .notLocked:
                Console.note(
                    "strongroom: error: no more memory can be locked, and that is required for secrets")
                Console.note("strongroom: hint: \(hint)")
                exit(Failure.Code.refused.rawValue)
            }
        }
        guard mode != "off", !LockedMemory.isAvailable else { return }
        guard mode == "warn" else {
            throw Failure(.refused, "memory can't be locked, and that is required for secrets", hints: [hint])
        }
        Console.note(
            "strongroom: warning: memory can't be locked: secrets may reach the swap space (ulimit -l, STRONGROOM_LOCKED_MEMORY)"
        )
    }

    private static let originalMask = Atomic<mode_t>(0o022)

    /// Gives back what `harden` took and other programs expect, before one is started in this process's place: the file
    /// mode mask, the limit of descriptors, the default for SIGPIPE, and signals that are not held back. Core dumps stay off.
    static func restoreDefaults() {
        umask(originalMask.load(ordering: .relaxed))
        DescriptorLimit.restore(of: 0)
        signal(SIGPIPE, SIG_DFL)
        // The thread that runs this may hold signals back, which the program would inherit.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
    }

    /// The value of an environment variable; nil where it is unset or empty.
    static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// The bytes of an environment variable that holds a secret; nil where it is unset or empty. The environment itself
    /// keeps its copy.
    static func secretVariable(_ name: String) -> SecretBytes? {
        guard let value = unsafe getenv(name), unsafe strlen(value) > 0 else { return nil }
        return unsafe SecretBytes(
            copying: UnsafeRawBufferPointer(start: value, count: strlen(value)).bytes)
    }

    /// Whether a directory of PATH holds the program `name`.
    static func isInPath(_ name: String) -> Bool {
        (variable("PATH") ?? "").split(separator: ":").contains { unsafe access("\($0)/\(name)", X_OK) == 0 }
    }

    /// The number, from 1, of the first argument that is not UTF-8, which would reach the verbs as another text; nil where
    /// there is none.
    static var firstForeignArgument: Int? {
        (1..<max(1, Int(CommandLine.argc))).first { index in
            guard let argument = unsafe CommandLine.unsafeArgv[index] else { return false }
            return unsafe String(validatingCString: argument) == nil
        }
    }

    /// Who runs this process, for the audit log: the user, and whom sudo(8) says it was before.
    static var author: String {
        var entry = unsafe passwd()
        var buffer = [CChar](repeating: 0, count: 16_384)
        var result: UnsafeMutablePointer<passwd>?
        let user = geteuid()
        var name = "\(user)"
        if unsafe getpwuid_r(user, &entry, &buffer, buffer.count, &result) == 0, unsafe result != nil {
            name = unsafe String(cString: entry.pw_name)
        }
        guard let before = variable("SUDO_USER"), before.utf8.count <= 64 else { return name }
        return "\(name) (sudo by \(before))"
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
