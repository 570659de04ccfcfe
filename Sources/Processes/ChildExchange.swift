internal import CSpawn
internal import Glibc

/// What goes between us and one running program, by poll(2).
struct ChildExchange: ~Copyable {
    private let process: pid_t
    private let program: ChildProgram
    private let started = ContinuousClock.now
    /// Our own hand on what the program reads.
    private let unread: Handle
    /// The write end of the program's input, until everything is written.
    private var inlet: Handle?
    /// The read ends of its output and error, nil once they are at their end.
    private var output: Handle?
    private var errors: Handle?
    /// How much of the input was written.
    private(set) var writtenCount = 0
    /// Why the group is being ended, and since when.
    private var cause: (ending: ChildEnding, since: ContinuousClock.Instant)?
    private var isKilled = false
    private var endedAt: ContinuousClock.Instant?

    /// How long a descendant that holds a pipe is heard once the program itself has ended.
    private static let echo = Duration.seconds(1)
    /// How long it may take until a cancelled task is noticed, in milliseconds.
    private static let tick: Int32 = 200

    /// Takes our ends of the pipes and lets the program's go.
    init(
        _ process: pid_t, _ program: ChildProgram, inlet: consuming Pipe, output: consuming Pipe,
        errors: consuming Pipe
    ) {
        self.process = process
        self.program = program
        unread = inlet.reader
        let writer = inlet.writer
        self.inlet = consume writer
        let outputReader = output.reader
        self.output = consume outputReader
        let errorReader = errors.reader
        self.errors = consume errorReader
    }

    /// What the program left in the pipe.
    var unreadCount: Int { max(0, Int(spawn_unread_count(unread.number))) }

    /// Feeds and hears the program until its end, and reaps it. Throws `io` where its end can't be waited for; it is ended
    /// then.
    mutating func run(
        _ input: RawSpan, _ buffer: inout MutableRawSpan, _ sink: (ChildProcess.Stream, RawSpan) -> Bool
    ) throws(ProcessError) -> ChildEnding {
        let handle: Handle
        do throws(ProcessError) {
            handle = try Handle(spawn_process_handle(process), "pidfd_open(2)")
        } catch {
            kill(-process, SIGKILL)
            _ = ChildExchange.reap(process)
            throw error
        }
        for number in [inletNumber, outputNumber, errorNumber] { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
        if input.byteCount == 0 { inlet = nil }
        while true {
            let now = ContinuousClock.now
            if let endedAt {
                let isHeard = outputNumber >= 0 || errorNumber >= 0
                guard isHeard, now - endedAt < ChildExchange.echo else { break }
            }
            judge(now)
            var polled = [
                pollfd(fd: endedAt == nil ? handle.number : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: inletNumber, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: outputNumber, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errorNumber, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&polled, nfds_t(polled.count), ChildExchange.tick)
            if polled[1].revents != 0 { write(input) }
            for (index, stream) in [(2, ChildProcess.Stream.output), (3, .error)]
            where polled[index].revents != 0 {
                if !hear(stream, &buffer, sink) { end(.stopped, ContinuousClock.now) }
            }
            if polled[0].revents != 0 {
                endedAt = ContinuousClock.now
                inlet = nil
            }
        }
        // Until it is reaped its number, and that of its group, is nobody else's.
        if cause != nil || program.endsGroup { kill(-process, SIGKILL) }
        let ending = ChildExchange.reap(process)
        return cause?.ending ?? ending
    }

    private var inletNumber: Int32 { ChildExchange.number(inlet) }
    private var outputNumber: Int32 { ChildExchange.number(output) }
    private var errorNumber: Int32 { ChildExchange.number(errors) }

    /// What poll(2) passes over where there is none.
    private static func number(_ handle: borrowing Handle?) -> Int32 {
        switch handle {
        case .some(let handle): handle.number
        case .none: -1
        }
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
        let rest = input.extracting(writtenCount..<input.byteCount)
        let number = inletNumber
        let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        if count > 0 { writtenCount += count }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        if count < 0 || writtenCount == input.byteCount { inlet = nil }
    }

    /// Reads one piece; false where `sink` wants no more.
    private mutating func hear(
        _ stream: ChildProcess.Stream, _ buffer: inout MutableRawSpan,
        _ sink: (ChildProcess.Stream, RawSpan) -> Bool
    ) -> Bool {
        let number = stream == .output ? outputNumber : errorNumber
        let count = unsafe buffer.withUnsafeMutableBytes { room in
            unsafe Glibc.read(number, room.baseAddress, room.count)
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return true }
        guard count > 0 else {
            if stream == .output { output = nil } else { errors = nil }
            return true
        }
        // What comes after it was told to end is read, so that it can end, and let go.
        guard cause == nil else { return true }
        return sink(stream, buffer.bytes.extracting(first: count))
    }

    /// Waits for the end of the process, which is near, and says how it ended.
    private static func reap(_ process: pid_t) -> ChildEnding {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return .signaled(SIGKILL) }
        }
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .signaled(signal)
    }
}
