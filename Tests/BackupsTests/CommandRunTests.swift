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

    /// Why the command failed; nil where it did not.
    private func failure(
        of script: String, deadline: Duration = .seconds(100_000), minimum: UInt64 = 1,
        environment: [String: String] = [:]
    ) async -> CommandRun.Failure? {
        var command = CommandRun(
            arguments: ["sh", "-c", script], deadline: deadline, minimumByteCount: minimum)
        command.environment.merge(environment) { $1 }
        do {
            _ = try await command.stream { _ in }
            return nil
        } catch {
            return error as? CommandRun.Failure
        }
    }

    /// Waits until there is no such process.
    private func waitForEnd(of process: pid_t) async throws {
        while kill(process, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
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

    @Test func `output is read to its end, also when a child goes on after the command has ended`()
        async throws
    {
        #expect(try await run("(sleep 1; echo late) & echo early").bytes == Array("early\nlate\n".utf8))
        // A sink that is slow: the command has ended long before its output was taken.
        var bytes: [UInt8] = []
        let command = CommandRun(arguments: ["seq", "1", "100000"], deadline: .seconds(100_000))
        let count = try await command.stream { span in
            if bytes.isEmpty { try await Task.sleep(for: .seconds(1)) }
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        #expect(count == UInt64(bytes.count))
        #expect(bytes == Array((1...100_000).map { "\($0)\n" }.joined().utf8))
    }

    @Test func `output that a child still holds at the deadline is a failure, and the child is ended`()
        async throws
    {
        // A deadline that strikes before the command itself has ended shows nothing.
        for deadline in [1, 4, 16, 64] {
            var output = ""
            let command = CommandRun(
                arguments: ["sh", "-c", "sleep 86400 & echo $!"], deadline: .seconds(deadline))
            let failure = await #expect(throws: CommandRun.Failure.self) {
                _ = try await command.stream { span in
                    output += unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
                }
            }
            if failure?.code == .timedOut { continue }
            #expect(failure?.code == .heldOpen)
            #expect(failure?.words.contains("something that it started still held its output") == true)
            let child = try #require(pid_t(output.split(separator: "\n").first.map(String.init) ?? ""))
            try await waitForEnd(of: child)
            return
        }
        Issue.record("no deadline was long enough")
    }

    @Test func `a child in a session of its own holds no run up beyond the deadline`() async throws {
        var output = ""
        let command = CommandRun(
            arguments: ["sh", "-c", "setsid sh -c 'echo $$; exec sleep 86400' &"], deadline: .seconds(2))
        await #expect(throws: CommandRun.Failure.self) {
            _ = try await command.stream { span in
                output += unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
            }
        }
        if let child = pid_t(output.split(separator: "\n").first.map(String.init) ?? "") {
            kill(child, SIGKILL)
        }
        // What is done at its exit waits for nobody.
        var service = CommandRun(
            arguments: ["sh", "-c", "sleep 86400 & exit 0"], deadline: .seconds(100_000), minimumByteCount: 0)
        service.isDoneAtExit = true
        try await service.run()
    }

    @Test func `a command that failed is not waited for, though a child holds its output`() async {
        #expect(await failure(of: "sleep 86400 & echo x; exit 3")?.code == .exited(3))
    }

    @Test func `a failure tells the last lines of standard error, without passwords`() async throws {
        let said = await failure(
            of: """
                for n in $(seq 2000); do echo "line $n" >&2; done
                printf '\\033[31mfatal:\\tcan not reach postgres://app:first@db/x\\n' >&2
                echo "with Password=second, password='third one' and $MYSQL_PWD" >&2; echo out; exit 2
                """, environment: ["MYSQL_PWD": "fourth"])
        #expect(said?.code == .exited(2))
        #expect(
            said?.words
                == "the command ended with status 2: line 2000 / [31mfatal: can not reach postgres://db/x / "
                + "with Password=…, password=… and …")
        let pairs = await failure(
            of: #"""
                echo 'token: abc password :"d e f", {"secret" : "ghi", "n": 1} Pwd = jkl;' >&2
                echo 'Password:' >&2; echo 'no token was given, tokens 3' >&2; exit 2
                """#)
        #expect(
            pairs?.said == "token: … password :…, {\"secret\" : …, \"n\": 1} Pwd = …; / Password: / "
                + "no token was given, tokens 3")
        let keys = await failure(
            of: #"""
                echo 'AWS_SECRET_ACCESS_KEY=abc/d+e== SECRET_KEY: f, api_key="g \" h" (apikey: i) DB_PASS=j ?x-api-key=k&n=1' >&2
                echo 'curl -H "Authorization: Bearer ab.cd" -H "Proxy-Authorization: Basic Zm9v" x: bearer ab.cd=, Bearer token: ef' >&2
                echo '{"Authorization": "Digest a=b, c=d", "n": 1} authorization: AWS4-HMAC-SHA256 Credential=a, Signature=b' >&2
                exit 2
                """#)
        #expect(
            keys?.said
                == "AWS_SECRET_ACCESS_KEY=… SECRET_KEY: …, api_key=… (apikey: …) DB_PASS=… ?x-api-key=…&n=1 / "
                + "curl -H \"Authorization: …\" -H \"Proxy-Authorization: …\" x: bearer …, Bearer token: … / "
                + "{\"Authorization\": …, \"n\": 1} authorization: …")
        let plain =
            "KeyError: 'x'; primary key: id, /etc/db/server.key: none, /run/host_key: none, forbearer it"
        #expect(await failure(of: "echo \"\(plain)\" >&2; exit 2")?.said == plain)
        // One endless line: no part of it is known to hold no password.
        #expect(await failure(of: "head -c 9000 /dev/zero | tr '\\0' x >&2; exit 2")?.said == "")
        #expect(await failure(of: "echo out; kill -KILL $$")?.words == "signal 9 ended the command")
    }

    @Test func `a command gets the environment that it is given, and no other`() async throws {
        var command = CommandRun(arguments: ["env"], deadline: .seconds(100_000))
        command.environment["GIVEN"] = "value"
        var output: [UInt8] = []
        _ = try await command.stream { span in
            unsafe span.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
        }
        let names = String(decoding: output, as: UTF8.self).split(separator: "\n").map {
            String($0.prefix { $0 != "=" })
        }
        #expect(names.sorted() == ["GIVEN", "LANG", "PATH"])
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

    @Test func `F084: a failing exit after good-looking output is a failure`() async {
        #expect(await failure(of: "echo fine; exit 3")?.code == .exited(3))
    }

    @Test func `F084: a command ended by a signal is a failure`() async {
        #expect(await failure(of: "echo fine; kill -TERM $$")?.code == .signalled(15))
    }

    @Test func `F084: a silent command is ended at the deadline with all its children`() async {
        let failed = await failure(of: "sleep 100000 & sleep 100000; wait", deadline: .milliseconds(300))
        #expect(failed?.code == .timedOut)
    }

    @Test func `a command that closes its output and lives on is ended at the deadline`() async {
        let failed = await failure(
            of: "echo x; exec >&-; exec sleep 100000", deadline: .milliseconds(300))
        #expect(failed?.code == .timedOut)
    }

    @Test func `F084: too little output is a failure`() async {
        #expect(await failure(of: "echo x", minimum: 100)?.code == .tooShort(byteCount: 2))
        #expect(await failure(of: "true")?.code == .tooShort(byteCount: 0))
    }

    @Test func `a program that is not there is a failure`() async {
        let command = CommandRun(arguments: ["no-such-program-here"], deadline: .seconds(5))
        let failed = await #expect(throws: CommandRun.Failure.self) { try await command.stream { _ in } }
        #expect(failed?.code == .notStarted)
    }

    @Test func `what the sink throws ends the command and comes back`() async {
        struct Full: Error {}
        let command = CommandRun(arguments: ["yes"], deadline: .seconds(100_000))
        await #expect(throws: Full.self) { try await command.stream { _ in throw Full() } }
    }
}
