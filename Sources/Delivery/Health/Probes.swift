internal import Files
internal import Glibc

/// Runs a check's program (posix_spawn(3)): no shell, nothing to read, what it prints is dropped, and at the deadline
/// its whole process group is killed.
enum ProbeCommand {
    static func run(_ arguments: [String], environment: [String], timeout: Duration) async -> String? {
        let process: pid_t
        switch start(arguments, environment) {
        case .success(let started): process = started
        case .failure(let code): return "can't be started (errno \(code.number))"
        }
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: timeout)
        var status: Int32 = 0
        var isLate = false
        while true {
            let ended = unsafe waitpid(process, &status, WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else { return "lost (errno \(errno))" }
            if clock.now >= deadline || Task.isCancelled {
                isLate = true
                kill(-process, SIGKILL)
                while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
                break
            }
            try? await Task.sleep(for: .milliseconds(10))
        }
        // What it left running in its group ends with it.
        kill(-process, SIGKILL)
        guard !isLate else { return "not done after \(timeout)" }
        let signal = status & 0x7F
        guard signal == 0 else { return "ended by signal \(signal)" }
        let code = (status >> 8) & 0xFF
        return code == 0 ? nil : "status \(code)"
    }

    private struct Errno: Error {
        let number: Int32
    }

    private static func start(_ arguments: [String], _ environment: [String]) -> Result<pid_t, Errno> {
        guard let program = arguments.first else { return .failure(Errno(number: EINVAL)) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] { unsafe sigaddset(&signals, number) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        var process: pid_t = 0
        let failure = unsafe withStrings(arguments) { argv in
            unsafe withStrings(environment) { envp in
                unsafe posix_spawnp(&process, program, &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else { return .failure(Errno(number: failure)) }
        DescriptorLimit.restore(of: process)
        return .success(process)
    }

    private static func withStrings<Value>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an empty list of pointers") }
            return unsafe body(base)
        }
    }
}

/// Looks at a check's file.
enum ProbeFile {
    static func run(_ path: String, maximumAge: Int64?, now: Int64) -> String? {
        let whole = Path(path)
        do throws(FileError) {
            let facts = try Directory(whole.parent).metadataIfPresent(of: whole.name)
            guard let facts else { return "is not there" }
            guard let maximumAge, now - facts.modified.seconds > maximumAge else { return nil }
            return "was written longer than \(maximumAge) s ago"
        } catch {
            return error.description
        }
    }
}

/// One GET to this machine (RFC 9112): only the status line is read.
enum LocalRequest {
    private static let headLimit = 4_096

    static func run(_ url: LocalURL, timeout: Duration) -> String? {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: timeout)
        let family = url.host == .ipv4 ? AF_INET : AF_INET6
        let socket = Glibc.socket(
            family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { return "socket(2): errno \(errno)" }
        defer { close(socket) }

        func wait(_ events: Int32) -> Bool {
            while true {
                let left = clock.now.duration(to: deadline) / .milliseconds(1)
                guard left > 0, !Task.isCancelled else { return false }
                var request = pollfd(fd: socket, events: Int16(events), revents: 0)
                let count = unsafe poll(&request, 1, Int32(min(left, 250)) + 1)
                if count > 0 { return true }
                guard count == 0 || errno == EINTR else { return false }
            }
        }

        if connect(socket, url) != 0 {
            guard errno == EINPROGRESS else { return "not reachable (errno \(errno))" }
            guard wait(POLLOUT) else { return "not reachable after \(timeout)" }
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            unsafe getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { return "not reachable (errno \(code))" }
        }
        let host = url.port == 80 ? url.host.rawValue : "\(url.host.rawValue):\(url.port)"
        var request = Array(
            "GET \(url.target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nAccept: */*\r\n\r\n".utf8)[
                ...]
        while !request.isEmpty {
            let count = unsafe request.withUnsafeBytes {
                unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                request = request.dropFirst(count)
            } else if errno == EAGAIN {
                guard wait(POLLOUT) else { return "no answer after \(timeout)" }
            } else if errno != EINTR {
                return "cut off (errno \(errno))"
            }
        }
        var answer: [UInt8] = []
        var step = [UInt8](repeating: 0, count: 512)
        while !answer.contains(0x0A), answer.count < headLimit {
            let count = unsafe step.withUnsafeMutableBytes {
                unsafe recv(socket, $0.baseAddress, $0.count, 0)
            }
            if count > 0 {
                answer += step[..<count]
            } else if count == 0 {
                return "closed without an answer"
            } else if errno == EAGAIN {
                guard wait(POLLIN) else { return "no answer after \(timeout)" }
            } else if errno != EINTR {
                return "cut off (errno \(errno))"
            }
        }
        return judge(answer)
    }

    /// `HTTP/1.1 204 …`: nil for a status of 2xx.
    private static func judge(_ answer: [UInt8]) -> String? {
        let line = answer.prefix { $0 != 0x0D && $0 != 0x0A }
        let words = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].starts(with: Array("HTTP/1.".utf8)),
            let status = Int(String(decoding: words[1], as: UTF8.self)), (100...599).contains(status)
        else { return "answered with no HTTP status" }
        return (200...299).contains(status) ? nil : "status \(status)"
    }

    private static func connect(_ socket: Int32, _ url: LocalURL) -> Int32 {
        switch url.host {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = url.port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return unsafe withUnsafeBytes(of: &address) { bytes in
                unsafe Glibc.connect(
                    socket, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = url.port.bigEndian
            address.sin6_addr = in6addr_loopback
            return unsafe withUnsafeBytes(of: &address) { bytes in
                unsafe Glibc.connect(
                    socket, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
        }
    }
}
