internal import CSpawn
internal import Glibc

/// A descriptor of ours, close-on-exec, with a number above every one that a program is given: no copy that is made
/// for the program overwrites one that is still to be copied.
struct Handle: ~Copyable {
    let number: Int32

    private static let firstNumber: Int32 = 64

    /// Takes over `number`, which `call` gave. Throws `io` where that failed.
    init(_ number: Int32, _ call: String) throws(ProcessError) {
        guard number >= 0 else { throw ProcessError(.io, "\(call): errno \(errno)") }
        let raised = fcntl(number, F_DUPFD_CLOEXEC, Handle.firstNumber)
        let failure = errno
        close(number)
        guard raised >= 0 else { throw ProcessError(.io, "fcntl(2): errno \(failure)") }
        self.number = raised
    }

    deinit { close(number) }
}

/// Both ends of a pipe (pipe2(2)).
struct Pipe: ~Copyable {
    let reader: Handle
    let writer: Handle

    /// A new pipe. Throws `io`.
    static func make() throws(ProcessError) -> Pipe {
        var ends: [Int32] = [-1, -1]
        guard unsafe spawn_pipe(&ends) == 0 else { throw ProcessError(.io, "pipe2(2): errno \(errno)") }
        let reader: Handle
        do throws(ProcessError) {
            reader = try Handle(ends[0], "pipe2(2)")
        } catch {
            close(ends[1])
            throw error
        }
        let writer = try Handle(ends[1], "pipe2(2)")
        return Pipe(reader: reader, writer: writer)
    }
}

/// An unnamed file in memory that a program reads from its beginning (memfd_create(2)).
final class MemoryFile {
    let handle: Handle

    /// A file that holds `bytes`. Throws `io`.
    init(_ bytes: [UInt8]) throws(ProcessError) {
        handle = try Handle(unsafe spawn_memory_file("strongroom"), "memfd_create(2)")
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe write(handle.number, $0.baseAddress, $0.count)
            }
            guard count > 0 || errno == EINTR else { throw ProcessError(.io, "write(2): errno \(errno)") }
            rest = rest.dropFirst(max(0, count))
        }
        guard lseek(handle.number, 0, SEEK_SET) == 0 else {
            throw ProcessError(.io, "lseek(2): errno \(errno)")
        }
    }
}
