internal import CLinux
import Glibc

/// One end of a connection over a Unix stream socket (unix(7)), owned.
package struct UnixConnection: ~Copyable, Sendable {
    /// Who is at the other end, as the kernel has it from the time of connecting (SO_PEERCRED).
    package struct Peer: Sendable, Hashable {
        /// The process.
        package let process: UInt32
        /// Its user.
        package let user: UInt32
        /// Its group.
        package let group: UInt32
        /// The name that its socket is bound to; empty where it has none, beginning with NUL where it is abstract.
        package let name: [UInt8]
    }

    private let descriptor: Descriptor

    init(adopting descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Connects to the socket at `path`, of at most 107 bytes. `name` is what this end is bound to, where it is to have
    /// a name: abstract where it begins with NUL. `timeout` seconds are the longest wait for connecting, and for the
    /// other end to send anything; nil waits for ever.
    package init(
        connectingTo path: Path, from name: [UInt8] = [], timeout: Int? = nil
    ) throws(FileError) {
        let number = try SystemCall.run("socket(2)", path) {
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        let made = Descriptor(adopting: number, path: path)
        for option in timeout == nil ? [] : [SO_SNDTIMEO, SO_RCVTIMEO] {
            try UnixConnection.limit(made, option, timeout ?? 0)
        }
        if !name.isEmpty {
            try SystemCall.run("bind(2)", path) { unsafe linux_bind_unix(number, name, name.count) }
        }
        try SystemCall.run("connect(2)", path) {
            unsafe linux_connect_unix(number, path.bytes, path.bytes.count)
        }
        descriptor = made
    }

    /// Who is at the other end.
    package borrowing func peer() throws(FileError) -> Peer {
        let number = descriptor.rawValue
        var facts: [UInt32] = [0, 0, 0]
        try SystemCall.run("getsockopt(2)", descriptor.path) {
            unsafe linux_peer_credentials(number, &facts)
        }
        var name = [UInt8](repeating: 0, count: 108)
        let count = try SystemCall.run("getpeername(2)", descriptor.path) {
            unsafe linux_peer_name(number, &name)
        }
        return Peer(process: facts[0], user: facts[1], group: facts[2], name: Array(name.prefix(Int(count))))
    }

    /// Sends all of `bytes`; a peer that takes none for `timeout` seconds ends it (`locked`), one that is gone too. No
    /// signal is raised.
    package borrowing func send(_ bytes: RawSpan, timeout: Int) throws(FileError) {
        let number = descriptor.rawValue
        try UnixConnection.limit(descriptor, SO_SNDTIMEO, timeout)
        let path = descriptor.path
        try unsafe bytes.withUnsafeBytes { (bytes) throws(FileError) in
            guard let start = bytes.baseAddress else { return }
            var done = 0
            while done < bytes.count {
                done += try SystemCall.run("send(2)", path) {
                    unsafe Glibc.send(number, start + done, bytes.count - done, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }

    /// Bounds a wait of `descriptor` (socket(7)).
    private static func limit(
        _ descriptor: borrowing Descriptor, _ option: Int32, _ seconds: Int
    ) throws(FileError) {
        let number = descriptor.rawValue
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        try SystemCall.run("setsockopt(2)", descriptor.path) {
            unsafe setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// What the other end sends until it closes. Throws `limit` where that is more than `limit` bytes.
    package borrowing func receiveAll(limit: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        let number = descriptor.rawValue
        var step = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try SystemCall.run("recv(2)", descriptor.path) {
                unsafe recv(number, &step, step.count, 0)
            }
            guard count > 0 else { return bytes }
            bytes += step.prefix(count)
            guard bytes.count <= limit else { throw .refused(.limit, "recv(2)", descriptor.path) }
        }
    }
}

/// A Unix stream socket with a path, listening. One process listens at a path: a lock beside it says so. The
/// socket's file goes with the value.
package struct UnixListener: ~Copyable, Sendable {
    private let descriptor: Descriptor
    private let directory: Directory
    private let name: Path
    private let lock: FileLock

    /// Listens at `path`, whose directory is there. On disk: the socket with exactly `mode` less the umask, from its
    /// first instant, and `.<name>.lock` beside it; a socket that a killed listener left is replaced. Throws `locked`
    /// where somebody listens, `exists` where anything but a socket stands there.
    package init(at path: Path, mode: UInt16 = 0o600) throws(FileError) {
        let directory = try Directory(path.parent)
        let name = path.name
        let lock = try FileLock(Path([0x2E] + name.bytes + Array(".lock".utf8)), in: directory)
        if let found = try directory.metadataIfPresent(of: name) {
            guard found.kind == .socket else { throw .refused(.exists, "bind(2)", path) }
            try directory.removeFile(name)
        }
        let number = try SystemCall.run("socket(2)", path) {
            socket(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        }
        let made = Descriptor(adopting: number, path: path)
        // The mode that the socket's file is made with (unix_bind in the kernel takes it from here).
        try made.setMode(mode)
        // By the open directory, so that a long or moved path doesn't matter.
        let place = Path("/proc/self/fd/\(directory.descriptor.rawValue)").appending(name)
        try SystemCall.run("bind(2)", path) {
            unsafe linux_bind_unix(number, place.bytes, place.bytes.count)
        }
        try SystemCall.run("listen(2)", path) { listen(number, 128) }
        self.descriptor = made
        self.directory = directory
        self.name = name
        self.lock = lock
    }

    deinit { try? directory.removeFile(name) }

    /// The next connection, or nil after `milliseconds` without one.
    package borrowing func accept(waiting milliseconds: Int32) throws(FileError) -> UnixConnection? {
        let number = descriptor.rawValue
        var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, milliseconds) > 0 else { return nil }
        do throws(FileError) {
            let accepted = try SystemCall.run("accept(2)", descriptor.path) {
                linux_accept(number)
            }
            return UnixConnection(adopting: Descriptor(adopting: accepted, path: descriptor.path))
        } catch {
            // The peer went away between the two calls.
            guard error.errno == EAGAIN || error.errno == ECONNABORTED else { throw error }
            return nil
        }
    }
}
