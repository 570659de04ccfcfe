import Files
import Glibc
import Support
import Testing

@testable import Processes

@Suite struct ChildProcessTests {
    private struct Run {
        let outcome: ChildOutcome
        let output: [UInt8]
        let error: [UInt8]
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    private func run(
        _ script: String, input: [UInt8] = [], files: [[UInt8]] = [], timeout: Duration = .seconds(300),
        grace: Duration = .seconds(5), endsGroup: Bool = false, limit: Int = Int.max
    ) throws -> Run {
        var (output, error) = ([UInt8](), [UInt8]())
        var room = [UInt8](repeating: 0, count: 4_096)
        var span = room.mutableSpan
        var buffer = unsafe span.mutableBytes
        let program = ChildProgram(
            ["sh", "-c", script], timeout: timeout, grace: grace, endsGroup: endsGroup)
        let outcome = try ChildProcess.run(
            program, input: unsafe input.span.bytes, files: files, buffer: &buffer
        ) { stream, bytes in
            let piece = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
            if stream == .output { output += piece } else { error += piece }
            return output.count <= limit
        }
        return Run(outcome: outcome, output: output, error: error)
    }

    private func code(_ body: () throws(ProcessError) -> Void) -> ProcessError.Code? {
        do throws(ProcessError) {
            try body()
            return nil
        } catch {
            return error.code
        }
    }

    /// Whether the process has ended: a zombie that nobody reaped counts.
    private func isGone(_ process: pid_t) -> Bool {
        for _ in 0..<6_000 {
            let status = ShellCommand.run("cat", ["/proc/\(process)/stat"])
            if status.status != 0 || status.text.contains(") Z ") { return true }
            usleep(10_000)
        }
        return false
    }

    private func firstProcess(_ run: Run) throws -> pid_t {
        try #require(pid_t(run.text.split(separator: "\n").first ?? ""))
    }

    // MARK: - What goes in and out

    @Test func `input goes in, output and error come out by themselves, with the status`() throws {
        let input = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
        let run = try run("cat; echo words >&2; exit 3", input: input)
        #expect(run.outcome.ending == .exited(3) && run.outcome.unreadCount == 0)
        #expect(run.output == input)
        #expect(run.error == Array("words\n".utf8))
    }

    @Test func `files are read from descriptor 3 on, whole and from their beginning, and have no name`()
        throws
    {
        let long = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try run("cat <&3", files: [long]).output == long)
        #expect(try run("cat <&4; cat <&3; cat", input: [0x63], files: [[0x62], [0x61]]).text == "abc")
        let paths = try run("readlink /proc/self/fd/3 /proc/$$/fd/4", files: [[1], [2]]).text
        #expect(paths.split(separator: "\n").allSatisfy { $0.hasPrefix("/memfd:") })
    }

    @Test func `what a program leaves unread is counted, and nobody gets a signal for it`() throws {
        let input = [UInt8](repeating: 65, count: 1_000_000)
        #expect(try run("exec <&-; exit 0", input: input).outcome.unreadCount == 1_000_000)
        let some = try run("head -c 10 > /dev/null", input: [UInt8](repeating: 65, count: 20)).outcome
        #expect(some.ending == .exited(0))
        #expect(try run("true", input: [1, 2, 3]).outcome.unreadCount == 3)
    }

    @Test func `a signal that ends the program is told`() throws {
        #expect(try run("kill -9 $$").outcome.ending == .signaled(SIGKILL))
    }

    @Test func `output for callers without secrets is taken up to its limit`() throws {
        let program = ChildProgram(["sh", "-c", "cat; echo lost >&2; exit 7"])
        let taken = try ChildProcess.output(of: program, input: Array("12345".utf8), limit: 5)
        #expect(taken.ending == .exited(7) && taken.output == Array("12345".utf8))
        #expect(
            try ChildProcess.output(of: program, input: Array("123456".utf8), limit: 5).ending == .stopped)
    }

    // MARK: - What it inherits

    @Test func `the program gets these variables and these descriptors alone`() throws {
        // One of ours that anybody would inherit.
        let open = Glibc.dup(0)
        defer { close(open) }
        let variables = try run("cat /proc/$$/environ").text.split(separator: "\0")
        #expect(variables.sorted() == ["LANG=C.UTF-8", "PATH=\(ChildProgram.standardPath)"])
        // The one more is that of the directory that is listed.
        #expect(try run("exec ls /proc/self/fd").text.split(separator: "\n") == ["0", "1", "2", "3"])
        let more = try run("exec ls /proc/self/fd", files: [[1], [2]]).text.split(separator: "\n")
        #expect(more == ["0", "1", "2", "3", "4", "5"])
        #expect(try run("pwd").text == "/\n")
    }

    @Test func `signals that we ignore or hold back are the program's as ever`() throws {
        let old = signal(SIGPIPE, SIG_IGN)
        defer { signal(SIGPIPE, old) }
        let lines = try run("grep -E '^Sig(Ign|Blk)' /proc/self/status").text.split(separator: "\n")
        let sets = lines.compactMap { UInt64($0.suffix(16), radix: 16) }
        // Signals 32 and 33 are the C library's own, as whoever started us left them.
        #expect(sets.count == 2 && sets.allSatisfy { $0 & 0x7FFF_FFFF == 0 }, "\(lines)")
    }

    @Test func `a program is looked up in absolute directories of its own PATH alone`() {
        func lookup(_ arguments: [String], _ environment: [String: String]) -> ProcessError.Code? {
            code { () throws(ProcessError) in
                _ = try ChildProgram(arguments, environment: environment).executable()
            }
        }
        let standard = ChildProgram.standardEnvironment
        #expect(lookup(["sh"], ["PATH": "bin:."]) == .notFound)
        #expect(lookup(["sh"], [:]) == .notFound)
        #expect(lookup(["./sh"], standard) == .invalidName)
        #expect(lookup([], standard) == .invalidName)
        #expect(lookup(["sh\0x"], standard) == .invalidName)
        #expect((try? ChildProgram(["sh"]).executable())?.name == "sh")
    }

    @Test func `what is not there, is no program, or has zero bytes in its words is not started`() {
        func start(_ arguments: [String], _ environment: [String: String] = [:]) -> ProcessError.Code? {
            code { () throws(ProcessError) in
                _ = try ChildProcess.output(
                    of: ChildProgram(arguments, environment: environment), limit: 1)
            }
        }
        #expect(start(["/nonexistent/program"]) == .notFound)
        #expect(start(["/etc/passwd"]) == .notStarted)
        #expect(start(["/bin/echo", "a\0b"]) == .invalidName)
        #expect(start(["/bin/echo"], ["A": "b\0c"]) == .invalidName)
    }

    // MARK: - How it is ended

    @Test(arguments: [
        "sleep 1000", "exec >&- 2>&-; sleep 1000", "trap '' TERM INT; while :; do sleep 1; done",
        "sleep 1000 & wait",
    ])
    func `F065 past its time a program is ended, whatever it does`(script: String) throws {
        let run = try run(script, timeout: .milliseconds(300), grace: .milliseconds(200))
        #expect(run.outcome.ending == .timedOut)
    }

    @Test func `F065 a time-out ends the whole process group, also one that ignores SIGTERM`() throws {
        // On a machine that is busy the program may not have begun within the first of these times.
        for timeout in [Duration.milliseconds(300), .seconds(10), .seconds(100)] {
            let run = try run(
                "trap '' TERM; sleep 100000 & echo $!; wait", timeout: timeout, grace: .milliseconds(200))
            #expect(run.outcome.ending == .timedOut)
            if run.text.isEmpty { continue }
            #expect(isGone(try firstProcess(run)))
            return
        }
        Issue.record("the program never began")
    }

    @Test func `F065 whoever takes the output can end the program by wanting no more`() throws {
        let run = try run("yes", limit: 1 << 20)
        #expect(run.outcome.ending == .stopped)
        #expect(run.output.count < 2 << 20)
    }

    @Test func `a descendant that holds the pipes does not keep the run from ending`() throws {
        let run = try run("sleep 100000 & echo $!; exit 0")
        #expect(run.outcome.ending == .exited(0))
        let process = try firstProcess(run)
        #expect(kill(process, 0) == 0)
        kill(process, SIGKILL)
    }

    @Test func `what a program leaves running in its group ends with it where that is asked for`() throws {
        let run = try run("sleep 100000 >&- 2>&- <&- & echo $!", endsGroup: true)
        #expect(run.outcome.ending == .exited(0))
        #expect(isGone(try firstProcess(run)))
    }

    @Test func `a cancelled task ends its program`() async throws {
        let task = Task { try run("sleep 100000").outcome.ending }
        task.cancel()
        #expect(try await task.value == .cancelled)
    }

    @Test func `runs leave no descriptor behind`() throws {
        _ = try run("true", files: [[1]])
        let before = ShellCommand.run("sh", ["-c", "ls /proc/\(getpid())/fd | wc -l"]).text
        for _ in 0..<50 { _ = try run("cat >&-", input: [1, 2], files: [[1], [2]]) }
        let after = ShellCommand.run("sh", ["-c", "ls /proc/\(getpid())/fd | wc -l"]).text
        // Others' tests run beside: a leak would be of hundreds.
        #expect((Int(after) ?? 0) < (Int(before) ?? 0) + 100)
    }
}
