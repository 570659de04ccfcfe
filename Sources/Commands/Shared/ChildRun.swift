internal import Files
internal import Glibc

/// A program that is run and waited for while `SignalWatch` notes signals (posix_spawn(3), waitpid(2)).
enum ChildRun {
    /// What happens to the program where a signal is noted.
    enum Interruption {
        /// It gets the signal, and is killed where it is still there two seconds later.
        case ends
        /// It gets the signal, and decides itself.
        case forwards
    }

    /// Runs `arguments`, found in PATH, with this process's environment. Returns its exit status, 128 + signal where
    /// one ended it. Throws `usage` where it can't be started.
    static func run(_ arguments: [String], _ interruption: Interruption) throws -> Int32 {
        let process = try spawn(arguments)
        var status: Int32 = 0
        var forwarded: Int32?
        var ticks = 0
        while true {
            let ended = unsafe waitpid(process, &status, WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else {
                throw Failure(.inputOutput, "\(arguments[0]): lost (errno \(errno))")
            }
            if let signal = SignalWatch.received {
                if forwarded != signal { kill(process, signal) }
                forwarded = signal
                ticks += 1
                if case .ends = interruption, ticks > 200 { kill(process, SIGKILL) }
            }
            usleep(10_000)
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    private static func spawn(_ arguments: [String]) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        unsafe sigemptyset(&defaults)
        for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] { unsafe sigaddset(&defaults, number) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
        // The thread that runs this may hold signals back, which the program would inherit.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe posix_spawnattr_setsigmask(&attributes, &mask)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var process: pid_t = 0
        let failure = unsafe withArguments(arguments) { list in
            unsafe posix_spawnp(&process, arguments[0], nil, &attributes, list, environ)
        }
        guard failure == 0 else { throw ChildRun.notStarted(arguments[0], failure) }
        DescriptorLimit.restore(of: process)
        return process
    }

    /// Puts the program in the place of this one (execvp(3)). Throws `usage` where it can't be started.
    static func replaceProcess(by arguments: [String]) throws -> Never {
        Process.restoreDefaults()
        _ = unsafe withArguments(arguments) { list in unsafe execvp(arguments[0], list) }
        throw notStarted(arguments[0], errno)
    }

    private static func notStarted(_ name: String, _ code: Int32) -> Failure {
        switch code {
        case ENOENT: Failure(.usage, "\(name): no such command")
        case EACCES: Failure(.usage, "\(name): may not be run")
        default: Failure(.usage, "\(name): can't be started (errno \(code))")
        }
    }

    private static func withArguments<Result>(
        _ arguments: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no arguments") }
            return unsafe body(base)
        }
    }
}
