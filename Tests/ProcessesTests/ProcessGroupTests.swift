import Glibc
import Processes
import Testing

/// What is started in a group ends with it.
@Suite struct ProcessGroupTests {
    /// Starts a program that sleeps in `group`; its number.
    private func member(of group: ProcessGroup) -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, group.number)
        var words: [UnsafeMutablePointer<CChar>?] =
            unsafe ["sleep", "100000"].map { (word: String) in unsafe strdup(word) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var process: pid_t = 0
        #expect(unsafe posix_spawnp(&process, "sleep", nil, &attributes, &words, environ) == 0)
        return process
    }

    private func ending(of process: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F
    }

    @Test func `a group ends as a whole, and with the value`() throws {
        var processes: [pid_t] = []
        do {
            let group = try ProcessGroup()
            #expect(getpgid(group.number) == group.number)
            processes = [member(of: group), member(of: group)]
            #expect(getpgid(processes[1]) == group.number)
            group.end()
            #expect(processes.map(ending) == [SIGKILL, SIGKILL])
            processes = [group.number]
        }
        // Reaped: nobody has that number any more.
        #expect(kill(processes[0], 0) == -1)
        var last: pid_t = 0
        do {
            let group = try ProcessGroup()
            last = member(of: group)
        }
        #expect(ending(of: last) == SIGKILL)
    }

    @Test func `signals that others send to the group leave it its number`() throws {
        let group = try ProcessGroup()
        let process = member(of: group)
        kill(-group.number, SIGTERM)
        #expect(ending(of: process) == SIGTERM)
        let next = member(of: group)
        #expect(getpgid(next) == group.number)
        group.end()
        #expect(ending(of: next) == SIGKILL)
    }
}
