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

    /// What came next.
    enum Step {
        /// So many bytes of standard output, which are in the buffer.
        case output(Int)
        /// The command has ended, and so has its output where that counts; or it failed.
        case ended
        /// The time is up. `isHeld` where the command itself has ended, and well.
        case timedOut(isHeld: Bool)
        /// The task is cancelled.
        case cancelled
    }

    /// The last of what it wrote to its standard error.
    private(set) var words = CommandWords()

    private let process: pid_t
    private let handle: Int32
    private let output: Reader
    private let errors: Reader
    private let end: ContinuousClock.Instant
    private let isDoneAtExit: Bool
    private var isOutputOpen = true
    private var isErrorOpen = true
    // Whether it ended with status 0; nil while it runs.
    private var isGood: Bool?

    /// How long it may take until a cancelled task is noticed, in milliseconds.
    private static let tick: Int64 = 200

    /// Bytes that are worth a reader's way.
    private static let worth: Int32 = 256 << 10

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
        end = .now.advanced(by: deadline)
    }

    /// Waits for what comes next. Blocks its thread.
    func next(into buffer: inout [UInt8]) -> Step {
        while true {
            if let isGood, !isGood || isDoneAtExit || !isOutputOpen {
                hearErrors()
                return .ended
            }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { return .timedOut(isHeld: isGood == true) }
            guard !Task.isCancelled else { return .cancelled }
            if wait(left) { gather() }
            if isErrorOpen { hearErrors() }
            if isOutputOpen, let count = read(output, into: &buffer) {
                guard count == 0 else { return .output(count) }
                isOutputOpen = false
            }
            if isGood == nil { isGood = ending() }
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
        while isErrorOpen, let count = read(errors, into: &room) {
            guard count > 0 else {
                isErrorOpen = false
                return
            }
            words.append(room[..<count])
        }
    }

    /// The number of bytes that were there to read, 0 at the end; nil where nothing is there yet.
    private func read(_ reader: Reader, into buffer: inout [UInt8]) -> Int? {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { room in
                unsafe Glibc.read(reader.number, room.baseAddress, room.count)
            }
            if count >= 0 { return count }
            guard errno == EINTR else { return errno == EAGAIN ? nil : 0 }
        }
    }
}
