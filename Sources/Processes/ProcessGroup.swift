internal import Glibc

/// A process group whose members end when this process does, however that happens: nothing works on in our name.
///
/// Its leader is a small shell that waits for the end of a pipe of which we alone have the other one: the kernel closes that
/// when we are gone, and the shell kills the group, itself last. (PR_SET_PDEATHSIG of prctl(2) would speak of the thread that
/// started a program, not of the process, and to that program alone, not to what it started.) What leaves the group, by
/// setsid(2) for one, is not reached. As long as the value lives, the group's number is nobody else's.
package final class ProcessGroup: Sendable {
    /// The number, for setpgid(2).
    package let number: Int32
    private let inlet: Handle

    /// Waits, deaf to what the group is sent by others, and ends the group.
    private static let script = "trap '' HUP INT QUIT TERM; read -r line; kill -s KILL 0"

    /// A group with nobody but its leader. Throws `notFound` where there is no /bin/sh, `notStarted`, `io`.
    package init() throws(ProcessError) {
        let pipe = try Pipe.make()
        let leader = ChildProgram(["/bin/sh", "-c", ProcessGroup.script])
        number = try ChildProcess.spawn(leader, try leader.executable(), [pipe.reader.number])
        let writer = pipe.writer
        inlet = consume writer
    }

    /// Ends all that is in the group at once.
    package func end() { kill(-number, SIGKILL) }

    deinit {
        end()
        var status: Int32 = 0
        while unsafe waitpid(number, &status, 0) < 0, errno == EINTR {}
    }
}
