internal import Glibc
internal import Sodium

/// Secrets that a person types or a pipe brings, read straight into guarded memory.
enum Terminal {
    /// The longest value that is read from a terminal or a pipe.
    static let byteLimit = 1 << 20

    /// Asks on the terminal, without echo; the line without its end. Throws `usage` where there is no terminal.
    static func ask(_ prompt: String) throws -> SecretBytes {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else {
            throw Failure(.usage, "\(prompt): there is no terminal to ask on")
        }
        defer { close(terminal) }
        // Signals wait until the terminal is as it was; ^C arrives as a character, since the terminal makes no
        // signal of it here.
        var held = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&held)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGTSTP] { unsafe sigaddset(&held, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &held, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        var saved = termios()
        let isTerminal = unsafe tcgetattr(terminal, &saved) == 0
        var silent = saved
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        if isTerminal { unsafe tcsetattr(terminal, TCSAFLUSH, &silent) }
        defer { if isTerminal { unsafe tcsetattr(terminal, TCSAFLUSH, &saved) } }
        let question = Array("\(prompt): ".utf8)
        _ = unsafe write(terminal, question, question.count)
        defer { _ = unsafe write(terminal, "\n", 1) }
        return try readLine(terminal)
    }

    /// Asks twice and compares. Throws `usage` where the two differ or nothing was typed.
    static func askTwice(_ prompt: String) throws -> SecretBytes {
        let first = try ask(prompt)
        guard first.byteCount > 0 else { throw Failure(.usage, "\(prompt): nothing was typed") }
        let second = try ask("\(prompt), again")
        guard first.isEqual(to: second) else { throw Failure(.usage, "\(prompt): the two differ") }
        return first
    }

    /// All of standard input, at most `byteLimit` bytes; one trailing line feed is left out unless `raw`.
    static func standardInput(raw: Bool) throws -> SecretBytes {
        var buffer = WipedBuffer(byteCount: byteLimit + 2)
        var count = 0
        while count < byteLimit + 2 {
            let got = buffer.withMutableBytes(first: byteLimit + 2) { span in
                unsafe span.withUnsafeMutableBytes { bytes in
                    unsafe read(STDIN_FILENO, bytes.baseAddress?.advanced(by: count), bytes.count - count)
                }
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw Failure(.inputOutput, "standard input cannot be read (errno \(errno))")
            }
            if got == 0 { break }
            count += got
        }
        if !raw, count > 0, buffer.withBytes(first: count, { $0[count - 1] }) == 0x0A { count -= 1 }
        guard count <= byteLimit else {
            throw Failure(.limitExceeded, "standard input: a value has at most \(byteLimit) bytes")
        }
        return buffer.withBytes(first: count) { SecretBytes(copying: $0) }
    }

    /// All of standard input where it holds no secret. Throws `limitExceeded` above `limit` bytes.
    static func standardInputList(limit: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        var got = 1
        while got != 0 {
            got = unsafe read(STDIN_FILENO, &block, block.count)
            guard got >= 0 || errno == EINTR else {
                throw Failure(.inputOutput, "standard input cannot be read (errno \(errno))")
            }
            if got > 0 { result += block[..<got] }
            guard result.count <= limit else {
                throw Failure(.limitExceeded, "standard input: more than \(limit) bytes of names")
            }
        }
        return result
    }

    private static func readLine(_ descriptor: Int32) throws -> SecretBytes {
        var buffer = WipedBuffer(byteCount: 4096)
        var count = 0
        while count < 4096 {
            let got = buffer.withMutableBytes(first: 4096) { span in
                unsafe span.withUnsafeMutableBytes { bytes in
                    unsafe read(descriptor, bytes.baseAddress?.advanced(by: count), 1)
                }
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            switch buffer.withBytes(first: count + 1, { $0[count] }) {
            case 0x0A, 0x0D, 0x04: return buffer.withBytes(first: count) { SecretBytes(copying: $0) }
            case 0x03: throw Failure(.usage, "stopped at the prompt")
            case 0x08, 0x7F: count = max(0, count - 1)
            default: count += 1
            }
        }
        return buffer.withBytes(first: count) { SecretBytes(copying: $0) }
    }
}
