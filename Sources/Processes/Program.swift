// Running another program to its end: no shell, no inherited environment, no inherited descriptor, a deadline, a
// bound on what it prints. What is handed to it goes through unnamed files in memory, never through a path.
internal import CSpawn
package import Files
internal import Glibc

/// A program with its arguments, and the bounds within which it may run.
package struct Program: Sendable {
    /// The absolute path of the executable.
    package let path: Path
    /// Its arguments, without the program's own name.
    package let arguments: [Path]
    /// Its whole environment, each `NAME=value`.
    package let environment: [Path]
    /// How long it may take, from start to end.
    package let deadline: Duration
    /// How much it may print on standard output.
    package let outputLimit: Int

    /// What a program that ended left behind.
    package struct Outcome: Sendable {
        /// The exit status; 128 + signal where a signal ended it.
        package let status: Int32
        /// All of standard output.
        package let output: [UInt8]
    }

    /// A program of these values. Arguments and variables are bytes, as paths are.
    package init(
        _ path: Path, _ arguments: [Path], environment: [Path] = [], deadline: Duration, outputLimit: Int
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.deadline = deadline
        self.outputLimit = outputLimit
    }

    /// Runs the program and waits for its end (posix_spawn(3), memfd_create(2), waitid(2)). Blocks its thread.
    ///
    /// The first of `inputs` is its standard input, the others are descriptors 3, 4 and so on, each read from its
    /// beginning; standard error goes nowhere. The program is alone in its process group, which is ended with it.
    /// Throws `notStarted`, `timedOut`, `tooMuchOutput` (the group is gone by then), `io`.
    package func run(inputs: [[UInt8]] = []) throws(ProcessError) -> Outcome {
        var files: [MemoryFile] = []
        for input in inputs.isEmpty ? [[]] : inputs { files.append(try MemoryFile(input)) }
        let pipe = try OutputPipe()
        let end = ContinuousClock.now.advanced(by: deadline)
        let process = try spawn(files, pipe)
        // Until it is reaped its number is nobody else's: the group, with what it left running there, is ended first.
        defer {
            kill(-process, SIGKILL)
            Program.reap(process)
        }
        let output = try pipe.read(limit: outputLimit, until: end, name)
        // It may have closed its output and run on.
        while true {
            if let status = Program.status(of: process) { return Outcome(status: status, output: output) }
            guard ContinuousClock.now < end else { throw ProcessError(.timedOut, name) }
            usleep(1_000)
        }
    }

    private var name: String { "\(path)" }

    /// The exit status where the process has ended, nil where it runs on. It is not reaped (waitid(2), WNOWAIT).
    private static func status(of process: pid_t) -> Int32? {
        var facts = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(process), &facts, WEXITED | WNOHANG | WNOWAIT) != 0 {
            guard errno == EINTR else { return 255 }
        }
        guard unsafe facts.si_signo == SIGCHLD else { return nil }
        let status = unsafe facts._sifields._sigchld.si_status
        return unsafe facts.si_code == Int32(CLD_EXITED) ? status : 128 + status
    }

    /// Takes the process off the kernel's list, once it has ended (waitpid(2)).
    private static func reap(_ process: pid_t) {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    private func spawn(_ files: [MemoryFile], _ pipe: OutputPipe) throws(ProcessError) -> pid_t {
        guard path.isAbsolute else { throw ProcessError(.notStarted, "\(name): not an absolute path") }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // Ours have high numbers: no copy overwrites one that is still to be copied.
        unsafe posix_spawn_file_actions_adddup2(&actions, files[0].number, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, pipe.writer, 1)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        for (index, file) in files.dropFirst().enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, file.number, Int32(3 + index))
        }
        unsafe spawn_close_from(&actions, Int32(2 + files.count))

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        var process: pid_t = 0
        let failure = unsafe Program.withStrings([path] + arguments) { argv in
            unsafe Program.withStrings(environment) { envp in
                guard let program = unsafe argv.pointee else { return EINVAL }
                return unsafe posix_spawn(&process, program, &actions, &attributes, argv, envp)
            }
        }
        pipe.closeWriter()
        guard failure == 0 else {
            throw ProcessError(.notStarted, "\(name): can't be started (errno \(failure))")
        }
        return process
    }

    private static func withStrings<Result>(
        _ strings: [Path], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        // A NUL ends a string early; the bytes stay as they are otherwise, UTF-8 or not.
        var pointers = unsafe strings.map { path in unsafe Program.copy(path.bytes) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no strings") }
            return unsafe body(base)
        }
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
        let text = bytes.map { CChar(bitPattern: $0) } + [0]
        return unsafe text.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            return unsafe strdup(base)
        }
    }
}
