import Backups
import Glibc
import Testing

/// F084: what fails is never archived as if it had worked.
@Suite struct CommandRunTests {
    private func run(
        _ script: String, deadline: Duration = .seconds(100_000), minimum: UInt64 = 1
    ) async throws -> (bytes: [UInt8], count: UInt64) {
        var bytes: [UInt8] = []
        let command = CommandRun(
            arguments: ["sh", "-c", script], deadline: deadline, minimumByteCount: minimum)
        let count = try await command.stream { span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        return (bytes, count)
    }

    @Test func `output arrives whole and in order`() async throws {
        let result = try await run("seq 1 100000")
        #expect(result.count == UInt64(result.bytes.count))
        #expect(result.bytes == Array((1...100_000).map { "\($0)\n" }.joined().utf8))
    }

    @Test func `a program is found by its path as by its name`() async throws {
        for arguments in [["/bin/echo", "x"], ["echo", "x"]] {
            var count = 0
            let command = CommandRun(arguments: arguments, deadline: .seconds(100_000))
            _ = try await command.stream { count += $0.byteCount }
            #expect(count == 2)
        }
    }

    @Test func `what a command leaves running ends with it`() async throws {
        var output = ""
        let command = CommandRun(
            arguments: ["sh", "-c", "sleep 100000 >&- 2>&- & echo $!"], deadline: .seconds(100_000))
        _ = try await command.stream { span in
            output += unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        }
        let process = try #require(pid_t(output.split(separator: "\n").first.map(String.init) ?? ""))
        var isGone = false
        for _ in 0..<12_000 where !isGone {
            isGone = kill(process, 0) != 0
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(isGone)
    }

    @Test func `a failing exit after good-looking output is a failure`() async {
        await #expect(throws: CommandRun.Failure.exited(3)) { try await run("echo fine; exit 3") }
    }

    @Test func `a command ended by a signal is a failure`() async {
        await #expect(throws: CommandRun.Failure.signalled(15)) { try await run("echo fine; kill -TERM $$") }
    }

    @Test func `a silent command is ended at the deadline with all its children`() async {
        await #expect(throws: CommandRun.Failure.timedOut) {
            try await run("sleep 100000 & sleep 100000; wait", deadline: .milliseconds(300))
        }
    }

    @Test func `a command that closes its output and lives on is ended at the deadline`() async {
        await #expect(throws: CommandRun.Failure.timedOut) {
            try await run("echo x; exec >&-; exec sleep 100000", deadline: .milliseconds(300))
        }
    }

    @Test func `too little output is a failure`() async {
        await #expect(throws: CommandRun.Failure.tooShort(byteCount: 2)) {
            try await run("echo x", minimum: 100)
        }
        await #expect(throws: CommandRun.Failure.tooShort(byteCount: 0)) { try await run("true") }
    }

    @Test func `a program that is not there is a failure`() async {
        let command = CommandRun(arguments: ["no-such-program-here"], deadline: .seconds(5))
        await #expect(throws: CommandRun.Failure.notStarted) { try await command.stream { _ in } }
    }

    @Test func `what the sink throws ends the command and comes back`() async {
        struct Full: Error {}
        let command = CommandRun(arguments: ["yes"], deadline: .seconds(100_000))
        await #expect(throws: Full.self) { try await command.stream { _ in throw Full() } }
    }
}
