internal import Glibc

/// What a running command writes, by poll(2): its standard output piece by piece, and the last of its standard error.
///
/// The caller reaps the command, and not before the last step.
final class CommandOutput {
    /// The end of a pipe that is read, closed with this value.
    final class Reader {
        let number: Int32

        /// F_SETPIPE_SZ of fcntl(2), which the Glibc module leaves out.
        private static let setSize: Int32 = 1031

        /// Takes over `number`, which never blocks from then on; the pipe holds `byteCount` bytes where the kernel lets it.
        init(_ number: Int32, byteCount: Int) {
            self.number = number
            _ = fcntl(number, F_SETFL, O_NONBLOCK)
            _ = fcntl(number, Reader.setSize, Int32(clamping: byteCount))
        }

        deinit { close(number) }
    }

    /// How it came to an end.
    enum End {
        /// The command has ended, and so has its output where that counts; or it failed.
        case ended
        /// The time is up. `isHeld` where the command itself has ended, and well.
        case timedOut(isHeld: Bool)
        /// The task is cancelled.
        case cancelled
    }

    /// How it came to an end; nil before.
    private(set) var end: End?
    /// Bytes of standard output that were read.
    private(set) var byteCount: UInt64 = 0
    /// The last of what it wrote to its standard error.
    private(set) var words = CommandWords()

    private let process: pid_t
    private let handle: Int32
    private let output: Reader
    private let errors: Reader
    private let deadline: ContinuousClock.Instant
    private let isDoneAtExit: Bool
    private var isOutputOpen = true
    private var isErrorOpen = true
    // Whether it ended with status 0; nil while it runs.
    private var isGood: Bool?

    /// How long it may take until a cancelled task is noticed, in milliseconds.
    private static let tick: Int64 = 200

    /// Bytes that are worth a reader's way.
    private static let worth: Int32 = 256 << 10

    /// Bytes that are read at once: as long as the kernel copies them, the command can't write.
    private static let stride = 128 << 10

    /// The output of `process`, whose end makes the descriptor `handle` readable (pidfd_open(2); -1 for none). It has
    /// `deadline` from now.
    init(
        of process: pid_t, _ handle: Int32, output: Reader, errors: Reader, deadline: Duration,
        isDoneAtExit: Bool
    ) {
        self.process = process
        self.handle = handle
        self.output = output
        self.errors = errors
        self.isDoneAtExit = isDoneAtExit
        self.deadline = .now.advanced(by: deadline)
    }

    /// Reads what there is into `room`, and waits for it. Returns how many bytes, 0 when it has come to an `end`. Blocks its
    /// thread.
    func read(into room: inout MutableRawSpan) -> Int {
        while end == nil {
            if let isGood, !isGood || isDoneAtExit || !isOutputOpen {
                hearErrors()
                end = .ended
                break
            }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                end = .timedOut(isHeld: isGood == true)
                break
            }
            guard !Task.isCancelled else {
                end = .cancelled
                break
            }
            if wait(left) { gather() }
            if isErrorOpen { hearErrors() }
            if isOutputOpen {
                let count = take(into: &room)
                byteCount += UInt64(count)
                guard count == 0 else { return count }
            }
            if isGood == nil { isGood = ending() }
        }
        return 0
    }

    /// What standard output holds now, as far as there is room.
    private func take(into room: inout MutableRawSpan) -> Int {
        unsafe room.withUnsafeMutableBytes { room in
            var filled = 0
            while filled < room.count {
                let count = min(CommandOutput.stride, room.count - filled)
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled..<(filled + count)])
                guard let count = unsafe read(output, into: part) else { break }
                isOutputOpen = count > 0
                filled += count
                guard isOutputOpen else { break }
            }
            return filled
        }
    }

    /// Where it still writes and little is there to read, waits a moment for more: a command that writes a page at a time, as
    /// pg_dump does, would otherwise wake its reader for each. The pipe has room for what it writes meanwhile.
    private func gather() {
        var byteCount: Int32 = 0
        guard unsafe ioctl(output.number, UInt(FIONREAD), &byteCount) == 0, byteCount < CommandOutput.worth
        else { return }
        usleep(1_000)
    }

    /// Waits until something happens; whether there is output, and more may come.
    private func wait(_ left: Duration) -> Bool {
        var polled = [
            pollfd(fd: isOutputOpen ? output.number : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isErrorOpen ? errors.number : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isGood == nil ? handle : -1, events: Int16(POLLIN), revents: 0),
        ]
        let (seconds, attoseconds) = left.components
        let milliseconds = seconds >= 1 ? CommandOutput.tick : attoseconds / 1_000_000_000_000_000 + 1
        let count = unsafe poll(&polled, nfds_t(polled.count), Int32(min(CommandOutput.tick, milliseconds)))
        return count > 0 && polled[0].revents == Int16(POLLIN)
    }

    /// Whether it ended with status 0; nil while it runs. It is left to be reaped (waitid(2)).
    private func ending() -> Bool? {
        var facts = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(process), &facts, WEXITED | WNOHANG | WNOWAIT) != 0 {
            guard errno == EINTR else { return false }
        }
        guard unsafe facts.si_signo == SIGCHLD else { return nil }
        return unsafe facts.si_code == Int32(CLD_EXITED) && facts._sifields._sigchld.si_status == 0
    }

    /// Reads what standard error holds now.
    private func hearErrors() {
        var room = [UInt8](repeating: 0, count: 1 << 12)
        while isErrorOpen,
            let count = unsafe room.withUnsafeMutableBytes({ room in unsafe read(errors, into: room) })
        {
            guard count > 0 else {
                isErrorOpen = false
                return
            }
            words.append(room[..<count])
        }
    }

    /// The number of bytes that were there to read, 0 at the end; nil where nothing is there yet.
    private func read(_ reader: Reader, into room: UnsafeMutableRawBufferPointer) -> Int? {
        while true {
            let count = unsafe Glibc.read(reader.number, room.baseAddress, room.count)
            if count >= 0 { return count }
            guard errno == EINTR else { return errno == EAGAIN ? nil : 0 }
        }
    }
}
