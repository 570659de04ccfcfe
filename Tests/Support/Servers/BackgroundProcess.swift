import Glibc
import Synchronization

/// A program that runs beside a test, in a process group of its own that is ended with the value.
package final class BackgroundProcess: Sendable {
    /// Its process id, and that of its group.
    package let id: Int32
    private let isEnded = Mutex(false)

    /// Starts `executable` with everything it prints appended to the file `log`. Traps where that fails.
    package init(
        _ executable: String, _ arguments: [String], log: String, environment: [String: String] = [:]
    ) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for output: Int32 in [1, 2] {
            unsafe posix_spawn_file_actions_addopen(
                &actions, output, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        // Worker threads have all signals blocked, and a program that can't have SIGCHLD waits for ever.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe posix_spawnattr_setsigmask(&attributes, &mask)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ScratchRepository.environment.merging(environment) { $1 }.map {
            "\($0.key)=\($0.value)"
        }
        var pointers = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
        var settings = unsafe variables.map { unsafe strdup($0) } + [nil]
        defer { unsafe (pointers + settings).forEach { unsafe free($0) } }
        var process: pid_t = 0
        let failure = Umask.undisturbed {
            unsafe posix_spawnp(&process, executable, &actions, &attributes, &pointers, &settings)
        }
        precondition(failure == 0, "\(executable): errno \(failure)")
        id = process
    }

    deinit { end() }

    /// Kills the program without a word, alone.
    package func killAlone() { kill(id, SIGKILL) }

    /// Waits for the program's own end; its status, 128 + signal where one ended it.
    package func wait() -> Int32 {
        isEnded.withLock { isEnded in
            guard !isEnded else { return -1 }
            isEnded = true
            var status: Int32 = 0
            while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
        }
    }

    /// Asks the program to end, and ends its group with force after twenty seconds.
    package func end() {
        isEnded.withLock { isEnded in
            guard !isEnded else { return }
            isEnded = true
            kill(id, SIGTERM)
            var status: Int32 = 0
            for _ in 0..<2000 {
                if unsafe waitpid(id, &status, WNOHANG) == id {
                    kill(-id, SIGKILL)
                    return
                }
                usleep(10_000)
            }
            kill(-id, SIGKILL)
            unsafe waitpid(id, &status, 0)
        }
    }

    // Below the ports that the system gives to outgoing connections, and each handed out once: nobody else takes one
    // between this and the server's start.
    private static let nextPort = Atomic<UInt16>(15_000 + UInt16(getpid() % 400) * 20)

    /// A port of this machine that nothing listens on now.
    package static func freePort() -> UInt16 {
        for _ in 0..<10_000 {
            let port = nextPort.wrappingAdd(1, ordering: .relaxed).oldValue
            let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(number) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let isFree = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe bind(number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree { return port }
        }
        preconditionFailure("no port is free")
    }

    /// Waits until something accepts connections on `port`. Traps after two minutes, with the end of `log`.
    package static func awaitPort(_ port: UInt16, log: String) {
        for _ in 0..<12_000 {
            let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(number) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let isOpen = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe connect(number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isOpen { return }
            usleep(10_000)
        }
        preconditionFailure("nothing listens on \(port): \(ShellCommand.run("tail", [log]).text)")
    }
}
