internal import Glibc

/// What the service manager is told (sd_notify(3)): one datagram a notice.
struct SystemdNotices: Sendable {
    private let socket: String?

    /// Notices to the socket of the path, or of the abstract name after `@`; nil says nothing to anybody.
    init(socket: String?) { self.socket = socket }

    /// The service answers.
    func ready() { send("READY=1\nSTATUS=running") }

    /// The service reads its settings again; `ready` ends that.
    func reloading() {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)")
    }

    /// The service ends.
    func stopping() { send("STOPPING=1\nSTATUS=stopping") }

    /// The service is alive.
    func watchdog() { send("WATCHDOG=1") }

    private func send(_ text: String) {
        guard let socket, let first = socket.utf8.first, first == 0x2F || first == 0x40 else { return }
        var name = Array(socket.utf8)
        if first == 0x40 { name[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        guard name.count < MemoryLayout<sockaddr_un>.size - offset else { return }
        let file = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return }
        defer { close(file) }
        let bytes = Array(text.utf8)
        unsafe withUnsafeMutableBytes(of: &address) { space in
            for (index, byte) in name.enumerated() { unsafe space[offset + index] = byte }
            _ = unsafe sendto(
                file, bytes, bytes.count, Int32(MSG_NOSIGNAL),
                space.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(offset + name.count))
        }
    }
}
