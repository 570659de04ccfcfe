package import Archives
internal import Files
internal import Glibc

/// This process as sessions of archive stores name it, this machine's clocks, and which other processes are gone.
package enum MachinePresence {
    /// The presence of this process.
    package static var current: SessionPresence {
        let process = UInt64(getpid())
        let holder = LeaseHolder(
            host: hostName, boot: bootID, processNamespace: namespace(of: process), process: process,
            processStart: start(of: process)?.ticks ?? 0)
        return SessionPresence(
            holder: holder, boot: bootTime, clock: { WallClock.now },
            // The continuous clock counts while the machine is suspended, as `bootTime` does.
            wait: { try await Task.sleep(for: $0, clock: .continuous) },
            isGone: { isGone($0, seenFrom: holder) })
    }

    /// Time since the machine was started, suspended or not (clock_gettime(2), CLOCK_BOOTTIME).
    @Sendable private static func bootTime() -> Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    /// Whether the process of `holder` is known to be gone: on this machine since its last start, in this namespace of
    /// process numbers, where no process has its number, or another has, or it has ended and nobody asked for its status.
    private static func isGone(_ holder: LeaseHolder, seenFrom own: LeaseHolder) -> Bool {
        guard !own.boot.isEmpty, own.processNamespace > 0, holder.boot == own.boot,
            holder.processNamespace == own.processNamespace,
            let number = pid_t(exactly: holder.process), number > 0
        else { return false }
        // Not the directory in /proc: that of another user's process may be hidden.
        if kill(number, 0) != 0 { return errno == ESRCH }
        guard let now = start(of: holder.process), holder.processStart > 0 else { return false }
        return now.ticks != holder.processStart || now.hasEnded
    }

    /// When a process was started, and whether it has ended (proc(5), /proc/PID/stat); nil where that can't be read.
    private static func start(of process: UInt64) -> (ticks: UInt64, hasEnded: Bool)? {
        guard let bytes = read("/proc/\(process)", "stat"), let end = bytes.lastIndex(of: 0x29) else {
            return nil
        }
        // Behind the name, in parentheses, which may hold anything: the state is field 3, the start field 22.
        let fields = bytes[(end + 1)...].split(separator: 0x20)
        guard fields.count > 19, let ticks = UInt64(String(decoding: fields[19], as: UTF8.self)) else {
            return nil
        }
        let state = fields[0].first
        return (ticks, state == 0x5A || state == 0x58)
    }

    /// The namespace of process numbers that a process is in (namespaces(7)); 0 where that can't be known.
    private static func namespace(of process: UInt64) -> UInt64 {
        guard let directory = try? Directory(Path("/proc/\(process)/ns")),
            let link = try? directory.readLink(Path("pid"))
        else { return 0 }
        return UInt64(String(decoding: link.bytes.filter { (0x30...0x39).contains($0) }, as: UTF8.self)) ?? 0
    }

    /// Random, new at each start of the machine (random(4)); empty where it can't be read.
    private static var bootID: String {
        let bytes = read("/proc/sys/kernel/random", "boot_id") ?? []
        return String(decoding: bytes.prefix { $0 != 0x0A }.prefix(64), as: UTF8.self)
    }

    private static func read(_ directory: String, _ name: String) -> [UInt8]? {
        try? Directory(Path(directory)).read(Path(name), limit: 1 << 14)
    }

    /// The name of this machine (gethostname(2)).
    package static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, 255) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
