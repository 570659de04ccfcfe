internal import Dispatch
internal import Glibc
internal import Synchronization

/// SIGTERM, SIGINT and SIGHUP as a stream of what they ask for (sigaction(2), socketpair(2)).
enum SignalPipe {
    /// What a signal asks for.
    enum Request: Sendable {
        /// SIGTERM or SIGINT.
        case stop
        /// SIGHUP.
        case reload
    }

    private static let isStopping = Atomic<Bool>(false)

    /// Whether SIGTERM or SIGINT came.
    static var isStopRequested: Bool { isStopping.load(ordering: .relaxed) }

    private static let writeEnd = Atomic<Int32>(-1)

    /// Takes the signals from now on to the end of the process. Called once.
    static func requests() -> AsyncStream<Request> {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            preconditionFailure("socketpair: errno \(errno)")
        }
        // A full pipe must not block a handler.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
        let readEnd = ends[0]
        let (stream, continuation) = AsyncStream<Request>.makeStream()
        DispatchQueue(label: "strongroom.signals").async {
            var byte: UInt8 = 0
            while true {
                let count = unsafe read(readEnd, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1 else { return }
                if byte != UInt8(SIGHUP) { isStopping.store(true, ordering: .relaxed) }
                continuation.yield(byte == UInt8(SIGHUP) ? .reload : .stop)
            }
        }
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = unsafe write(SignalPipe.writeEnd.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        action.sa_flags = Int32(SA_RESTART)
        for number in [SIGHUP, SIGINT, SIGTERM] { unsafe sigaction(number, &action, nil) }
        return stream
    }
}
