import Files
import Glibc
import Support
import Testing

@Suite struct ChildProcessTests {
    private struct Run {
        let outcome: ChildOutcome
        let output: [UInt8]
        let error: [UInt8]
        var text: String { String(decoding: output, as: UTF8.self) }
    }

    private func run(
        _ script: String, input: [UInt8] = [], timeout: Duration = .seconds(60),
        grace: Duration = .seconds(5), limit: Int = Int.max
    ) throws -> Run {
        var (output, error) = ([UInt8](), [UInt8]())
        var room = [UInt8](repeating: 0, count: 4_096)
        var span = room.mutableSpan
        var buffer = unsafe span.mutableBytes
        let program = ChildProgram(["sh", "-c", script], timeout: timeout, grace: grace)
        let outcome = try ChildProcess.run(program, input: unsafe input.span.bytes, buffer: &buffer) {
            stream, bytes in
            let piece = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
            if stream == .output { output += piece } else { error += piece }
            return output.count <= limit
        }
        return Run(outcome: outcome, output: output, error: error)
    }

    @Test func `input goes in, output and error come out by themselves, with the status`() throws {
        let input = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
        let run = try run("cat; echo words >&2; exit 3", input: input)
        #expect(run.outcome.ending == .exited(3) && run.outcome.unreadCount == 0)
        #expect(run.output == input)
        #expect(run.error == Array("words\n".utf8))
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

    @Test func `F065 a time-out ends the whole process group, also one that ignores SIGTERM`() throws {
        let run = try run(
            "trap '' TERM; sleep 600 & echo $!; wait", timeout: .milliseconds(300), grace: .milliseconds(200))
        #expect(run.outcome.ending == .timedOut)
        let grandchild = try #require(pid_t(run.text.split(separator: "\n").first ?? ""))
        #expect(isGone(grandchild))
    }

    @Test func `F065 whoever takes the output can end the program by wanting no more`() throws {
        let run = try run("yes", limit: 1 << 20)
        #expect(run.outcome.ending == .stopped)
        #expect(run.output.count < 2 << 20)
    }

    @Test func `a descendant that holds the pipes does not keep the run from ending`() throws {
        let run = try run("sleep 600 & echo $!; exit 0")
        #expect(run.outcome.ending == .exited(0))
        kill(try #require(pid_t(run.text.split(separator: "\n").first ?? "")), SIGKILL)
    }

    @Test func `a cancelled task ends its program`() async throws {
        let task = Task { try run("sleep 600").outcome.ending }
        task.cancel()
        #expect(try await task.value == .cancelled)
    }

    @Test func `the program gets these variables and these descriptors alone`() throws {
        let variables = try run("cat /proc/$$/environ").text.split(separator: "\0")
        #expect(variables.sorted() == ["LANG=C.UTF-8", "PATH=\(ChildProgram.standardPath)"])
        let open = try run("exec ls /proc/self/fd").text.split(separator: "\n")
        // The fourth is that of the directory that is listed.
        #expect(open == ["0", "1", "2", "3"])
        #expect(try run("pwd").text == "/\n")
    }

    @Test func `a program is looked up in absolute directories of its own PATH alone`() {
        #expect(
            code { _ = try ChildProgram(["sh"], environment: ["PATH": "bin:."]).executable() } == .notFound)
        #expect(code { _ = try ChildProgram(["sh"], environment: [:]).executable() } == .notFound)
        #expect(code { _ = try ChildProgram(["./sh"]).executable() } == .invalidName)
        #expect(code { _ = try ChildProgram([]).executable() } == .invalidName)
        #expect((try? ChildProgram(["sh"]).executable())?.name == "sh")
    }

    /// Whether the process has ended: a zombie that nobody reaped counts.
    private func isGone(_ process: pid_t) -> Bool {
        for _ in 0..<500 {
            let status = ShellCommand.run("cat", ["/proc/\(process)/stat"])
            if status.status != 0 || status.text.contains(") Z ") { return true }
            usleep(10_000)
        }
        return false
    }
}
