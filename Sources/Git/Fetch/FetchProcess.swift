internal import Files
internal import Glibc

/// Runs fetches in a process of their own: the one way of ending libgit2, which has no time-outs, and of bounding
/// what a hostile server makes it do.
package struct FetchProcess: Sendable {
    private let program: [String]

    /// Fetches by `program`, a path and its arguments, which calls `FetchChild.serve`. `/proc/self/exe` is the
    /// running binary itself, also after it was replaced on disk.
    package init(program: [String]) { self.program = program }

    /// Runs one request to its end, and returns when nothing of its process group is left.
    ///
    /// Secrets go over the socket that is the child's standard input, never into arguments, environment or files.
    /// Throws what the child says; `timedOut` at the deadline, when the group is killed; `processFailed` where the
    /// child ends without an answer; `stoppedByCaller` soon after the caller's task is cancelled. `home` is the directory that the child may take for its user's.
    func run(
        _ request: FetchRequest, _ credential: RemoteAccess.Credential?, home: Path
    ) throws(GitError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw GitError(.processFailed, "socketpair(2): errno \(errno)")
        }
        let (mine, theirs) = (ends[0], ends[1])
        defer { close(mine) }
        let started = Result { () throws(GitError) in try spawn(theirs, credential, home) }
        close(theirs)
        let child = try started.get()
        let answer: [UInt8]
        do throws(GitError) {
            try send(request, credential, over: mine)
            answer = try FetchProcess.receive(from: mine, seconds: request.limits.seconds)
        } catch {
            _ = FetchProcess.end(child, killing: true)
            throw error
        }
        // The answer is the last thing that a child does.
        let status = FetchProcess.end(child, killing: !answer.isEmpty)
        guard !answer.isEmpty else { throw FetchProcess.failure(status) }
        try FetchAnswer.decode(answer)
    }

    private func spawn(
        _ socket: Int32, _ credential: RemoteAccess.Credential?, _ home: Path
    ) throws(GitError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, socket, 0)
        for output: Int32 in [1, 2] {
            unsafe posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        // libgit2 looks for known hosts below HOME, and libssh2 for the agent where this says.
        var variables = [Array("PATH=/usr/bin:/bin".utf8), Array("LC_ALL=C".utf8)]
        variables.append(Array("HOME=".utf8) + home.bytes)
        if case .agent(let path) = credential {
            variables.append(Array("SSH_AUTH_SOCK=".utf8) + path.bytes)
        }
        var child: pid_t = 0
        let failure = unsafe FetchProcess.withStrings(program.map { Array($0.utf8) }) { arguments in
            unsafe FetchProcess.withStrings(variables) { environment in
                unsafe posix_spawn(&child, program[0], &actions, &attributes, arguments, environment)
            }
        }
        guard failure == 0 else {
            throw GitError(.processFailed, "the process that fetches can't be started (errno \(failure))")
        }
        return child
    }

    private func send(
        _ request: FetchRequest, _ credential: RemoteAccess.Credential?, over socket: Int32
    ) throws(GitError) {
        let frame = request.encoded
        let length = (0..<4).map { UInt8(truncatingIfNeeded: frame.count >> (24 - 8 * $0)) }
        unsafe (length + frame).withUnsafeBytes { unsafe FetchProcess.send($0, over: socket) }
        switch credential {
        case .login(let secret), .key(let secret):
            try secret.withBytes { (bytes) throws(GitError) in
                unsafe bytes.withUnsafeBytes { unsafe FetchProcess.send($0, over: socket) }
            }
        case .agent, nil: break
        }
        shutdown(socket, Int32(SHUT_WR))
    }

    /// Sends all bytes, or as many as a child that is still there takes: its answer, or its end, says the rest.
    private static func send(_ bytes: UnsafeRawBufferPointer, over socket: Int32) {
        var sent = 0
        while sent < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let count = unsafe Glibc.send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Everything until the child closes its end. Throws `timedOut`, `stoppedByCaller`.
    private static func receive(from socket: Int32, seconds: Int) throws(GitError) -> [UInt8] {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(seconds))
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 16 {
            let left = clock.now.duration(to: deadline).components
            let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else {
                throw GitError(.timedOut, "the fetch was not done after \(seconds) s")
            }
            guard !Task.isCancelled else { throw GitError(.stoppedByCaller, "the fetch was stopped") }
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, Int32(min(milliseconds, 250))) > 0 else { continue }
            let count = unsafe recv(socket, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Waits for the child, killed first where `killing`, and ends what is left of its group. Returns the status.
    private static func end(_ child: pid_t, killing: Bool) -> Int32 {
        if killing { kill(-child, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
        kill(-child, SIGKILL)
        return status
    }

    /// What a child that said nothing died of (wait(2)).
    private static func failure(_ status: Int32) -> GitError {
        switch status & 0x7F {
        case SIGBUS:
            // libgit2 writes packs through memory: a full disk is a fault of that memory.
            GitError(.ioFailed, "the process that fetches could not write: no space is left")
        case SIGXCPU, SIGALRM: GitError(.timedOut, "the process that fetches used up its time")
        case 0: GitError(.processFailed, "the process that fetches ended with \((status >> 8) & 0xFF)")
        case let signal: GitError(.processFailed, "signal \(signal) ended the process that fetches")
        }
    }

    private static func withStrings<Result>(
        _ strings: [[UInt8]], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers =
            unsafe strings.map { text in unsafe strdup(text.map { CChar(bitPattern: $0) } + [0]) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no strings") }
            return unsafe body(base)
        }
    }
}
