internal import CSpawn
internal import Glibc

/// The lowest number of our own descriptors, above every one that a program is given.
private let firstNumber: Int32 = 64

/// Moves a fresh descriptor up to `firstNumber` or above. Throws `io`.
private func raised(_ number: Int32, _ call: String) throws(ProcessError) -> Int32 {
    guard number >= 0 else { throw ProcessError(.io, "\(call): errno \(errno)") }
    let raised = fcntl(number, F_DUPFD_CLOEXEC, firstNumber)
    let failure = errno
    close(number)
    guard raised >= 0 else { throw ProcessError(.io, "fcntl(2): errno \(failure)") }
    return raised
}

/// An unnamed file in memory that a program reads (memfd_create(2)).
final class MemoryFile {
    let number: Int32

    /// A file that holds `bytes`, at its beginning. Throws `io`.
    init(_ bytes: [UInt8]) throws(ProcessError) {
        number = try raised(unsafe spawn_memory_file("strongroom"), "memfd_create(2)")
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(number, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw ProcessError(.io, "write(2): errno \(errno)") }
            rest = rest.dropFirst(max(0, count))
        }
        guard lseek(number, 0, SEEK_SET) == 0 else { throw ProcessError(.io, "lseek(2): errno \(errno)") }
    }

    deinit { close(number) }
}

/// The pipe that a program prints into.
final class OutputPipe {
    private let reader: Int32
    private(set) var writer: Int32

    /// A new pipe (pipe2(2)). Throws `io`.
    init() throws(ProcessError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe spawn_pipe(&ends) == 0 else { throw ProcessError(.io, "pipe2(2): errno \(errno)") }
        reader = ends[0]
        do throws(ProcessError) {
            writer = try raised(ends[1], "pipe2(2)")
        } catch {
            close(ends[0])
            throw error
        }
    }

    deinit {
        close(reader)
        closeWriter()
    }

    /// Leaves the program's copy as the only way in.
    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }

    /// Everything that is printed until every copy of the way in is closed (poll(2)). Throws `timedOut` at `end`,
    /// `tooMuchOutput` above `limit` bytes, `io`.
    func read(limit: Int, until end: ContinuousClock.Instant, _ name: String) throws(ProcessError) -> [UInt8]
    {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { throw ProcessError(.timedOut, name) }
            var wanted = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
            let wait = min(left, .seconds(1)).components.attoseconds / 1_000_000_000_000_000
            let ready = unsafe poll(&wanted, 1, left < .seconds(1) ? Int32(wait) + 1 : 1_000)
            guard ready != 0 else { continue }
            guard ready > 0 || errno == EINTR else { throw ProcessError(.io, "poll(2): errno \(errno)") }
            guard ready > 0 else { continue }
            let count = unsafe Glibc.read(reader, &buffer, buffer.count)
            if count == 0 { return output }
            guard count > 0 || errno == EINTR else { throw ProcessError(.io, "read(2): errno \(errno)") }
            output += buffer[..<max(0, count)]
            guard output.count <= limit else { throw ProcessError(.tooMuchOutput, name) }
        }
    }
}
