internal import CLinux
import Glibc

/// Runs other programs: the one place that starts, feeds, hears, ends and reaps a child process.
package enum ChildProcess {
    /// Where output came from.
    package enum Stream: Sendable, Hashable, CaseIterable {
        /// Standard output.
        case output
        /// Standard error.
        case error
    }

    /// Runs `program` to its end, as the leader of a process group of its own, with `input` on its standard input,
    /// which is a pipe, as output and error are.
    ///
    /// Blocks its thread. What the program writes is read into `buffer` and lent to `sink` piece by piece; where that
    /// returns false, when the time is up, or where the task is cancelled, the whole process group is ended, by SIGTERM
    /// and after the grace by SIGKILL. Once the program has ended, pipes that a descendant still holds are heard a second
    /// longer. A program that does not read its input is no failure here: see `unreadCount`. Descriptors other than the
    /// three are not inherited; signals have their defaults. Throws where the program can't be started.
    package static func run(
        _ program: ChildProgram, input: RawSpan, buffer: inout MutableRawSpan,
        sink: (Stream, RawSpan) -> Bool
    ) throws(FileError) -> ChildOutcome {
        let path = try program.executable()
        // Our own hand on the read end tells what was left unread, and that nobody reads is no signal to us.
        let inputEnds = try pipe(path)
        let unread = Descriptor(adopting: inputEnds[0], path: path)
        let inlet = Descriptor(adopting: inputEnds[1], path: path)
        let outputEnds = try pipe(path)
        let outlet = Descriptor(adopting: outputEnds[0], path: path)
        let childOutlet = Descriptor(adopting: outputEnds[1], path: path)
        let errorEnds = try pipe(path)
        let errors = Descriptor(adopting: errorEnds[0], path: path)
        let childErrors = Descriptor(adopting: errorEnds[1], path: path)
        let process = try spawn(
            program, path, [unread.rawValue, childOutlet.rawValue, childErrors.rawValue])
        _ = consume childOutlet
        _ = consume childErrors
        let number = linux_pidfd_open(process)
        guard number >= 0 else {
            let failure = FileError(errno: errno, "pidfd_open(2)", path)
            kill(-process, SIGKILL)
            _ = ChildExchange.reap(process)
            throw failure
        }
        let handle = Descriptor(adopting: number, path: path)
        var exchange = ChildExchange(
            process: process, handle: handle.rawValue, inlet: inlet,
            outlets: [outlet.rawValue, errors.rawValue], program)
        let ending = exchange.run(input, &buffer, sink)
        let left = max(0, Int(linux_unread_count(unread.rawValue)))
        return ChildOutcome(ending: ending, unreadCount: left + input.byteCount - exchange.writtenCount)
    }

    /// Starts the program with these three descriptors (posix_spawn(3)).
    private static func spawn(
        _ program: ChildProgram, _ path: Path, _ streams: [Int32]
    ) throws(FileError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (target, stream) in streams.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(target))
        }
        let directory = try program.directory.cString("posix_spawn(3)")
        unsafe linux_spawn_in(&actions, directory)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let words = program.arguments
        let variables = program.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        guard (words + variables).allSatisfy({ !$0.utf8.contains(0) }) else {
            throw .refused(.invalidName, "posix_spawn(3)", path)
        }
        let file = try path.cString("posix_spawn(3)")
        var process: pid_t = 0
        let failure = unsafe withPointers(words) { argv in
            unsafe withPointers(variables) { envp in
                unsafe posix_spawn(&process, file, &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else { throw FileError(errno: failure, "posix_spawn(3)", path) }
        return process
    }

    /// Both ends of a pipe, the one to read first, close-on-exec from the first instant.
    private static func pipe(_ path: Path) throws(FileError) -> [Int32] {
        var ends: [Int32] = [-1, -1]
        try SystemCall.run("pipe2(2)", path) { unsafe linux_pipe(&ends) }
        return ends
    }

    private static func withPointers<Value>(
        _ words: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no list of arguments") }
            return unsafe body(base)
        }
    }
}

/// What goes between us and one running program, by poll(2).
private struct ChildExchange: ~Copyable {
    private let process: pid_t
    private let handle: Int32
    private let program: ChildProgram
    private let started = ContinuousClock.now
    /// The write end of the program's input, until everything is written.
    private var inlet: Descriptor?
    /// The read ends of its output and error, -1 once they are at their end.
    private var outlets: [Int32]
    /// How much of the input was written.
    private(set) var writtenCount = 0
    /// Why the group is being ended, and since when.
    private var cause: (ending: ChildEnding, since: ContinuousClock.Instant)?
    private var isKilled = false
    private var endedAt: ContinuousClock.Instant?

    /// How long a descendant that holds a pipe is heard once the program itself has ended.
    private static let echo = Duration.seconds(1)
    /// How long it may take until a cancelled task is noticed.
    private static let tick: Int32 = 200

    init(
        process: pid_t, handle: Int32, inlet: consuming Descriptor, outlets: [Int32], _ program: ChildProgram
    ) {
        self.process = process
        self.handle = handle
        for number in [inlet.rawValue] + outlets { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
        self.inlet = consume inlet
        self.outlets = outlets
        self.program = program
    }

    mutating func run(
        _ input: RawSpan, _ buffer: inout MutableRawSpan, _ sink: (ChildProcess.Stream, RawSpan) -> Bool
    ) -> ChildEnding {
        if input.byteCount == 0 { inlet = nil }
        while true {
            let now = ContinuousClock.now
            if let endedAt {
                guard outlets.contains(where: { $0 >= 0 }), now - endedAt < ChildExchange.echo else { break }
            }
            judge(now)
            var polled = [pollfd(fd: endedAt == nil ? handle : -1, events: Int16(POLLIN), revents: 0)]
            polled.append(pollfd(fd: inlet?.rawValue ?? -1, events: Int16(POLLOUT), revents: 0))
            for outlet in outlets { polled.append(pollfd(fd: outlet, events: Int16(POLLIN), revents: 0)) }
            _ = unsafe poll(&polled, nfds_t(polled.count), ChildExchange.tick)
            if polled[1].revents != 0 { write(input) }
            for index in outlets.indices where polled[2 + index].revents != 0 {
                let stream: ChildProcess.Stream = index == 0 ? .output : .error
                if !hear(index, &buffer, { sink(stream, $0) }) { end(.stopped, ContinuousClock.now) }
            }
            if polled[0].revents != 0 {
                endedAt = ContinuousClock.now
                inlet = nil
            }
        }
        // Until it is reaped its number, and that of its group, is nobody else's.
        if cause != nil { kill(-process, SIGKILL) }
        let ending = ChildExchange.reap(process)
        return cause?.ending ?? ending
    }

    /// Whether it is time to end the group, or to end it for good.
    private mutating func judge(_ now: ContinuousClock.Instant) {
        guard endedAt == nil else { return }
        if cause == nil, now - started >= program.timeout { end(.timedOut, now) }
        if cause == nil, Task.isCancelled { end(.cancelled, now) }
        if let cause, !isKilled, now - cause.since >= program.grace {
            kill(-process, SIGKILL)
            isKilled = true
        }
    }

    private mutating func end(_ ending: ChildEnding, _ now: ContinuousClock.Instant) {
        guard cause == nil else { return }
        cause = (ending, now)
        if endedAt == nil { kill(-process, SIGTERM) }
    }

    /// Writes as much as the pipe takes.
    private mutating func write(_ input: RawSpan) {
        guard let number = inlet?.rawValue else { return }
        let rest = input.extracting(writtenCount..<input.byteCount)
        let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        if count > 0 { writtenCount += count }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        if count < 0 || writtenCount == input.byteCount { inlet = nil }
    }

    /// Reads one piece; false where `sink` wants no more.
    private mutating func hear(
        _ index: Int, _ buffer: inout MutableRawSpan, _ sink: (RawSpan) -> Bool
    ) -> Bool {
        let number = outlets[index]
        let count = unsafe buffer.withUnsafeMutableBytes { room in
            unsafe Glibc.read(number, room.baseAddress, room.count)
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return true }
        guard count > 0 else {
            outlets[index] = -1
            return true
        }
        // What comes after it was told to end is read, so that it can end, and let go.
        guard cause == nil else { return true }
        return sink(buffer.bytes.extracting(first: count))
    }

    /// Waits for the end of the process, which is near, and says how it ended.
    static func reap(_ process: pid_t) -> ChildEnding {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return .signaled(SIGKILL) }
        }
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .signaled(signal)
    }
}
