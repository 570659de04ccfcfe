import Files
import Support
import Testing

@testable import Processes

@Suite struct ProgramTests {
    private func shell(
        _ script: String, deadline: Duration = .seconds(20), limit: Int = 1 << 20, environment: [Path] = [],
        inputs: [[UInt8]] = []
    ) throws(ProcessError) -> Program.Outcome {
        try Program(
            "/bin/sh", ["-c", Path(script)], environment: environment, deadline: deadline, outputLimit: limit
        ).run(inputs: inputs)
    }

    private func code(_ body: () throws(ProcessError) -> Program.Outcome) -> ProcessError.Code? {
        do {
            _ = try body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `what a program prints and how it ends is told`() throws {
        let outcome = try shell("printf 'a\\0b'; echo lost >&2; exit 7")
        #expect(outcome.status == 7)
        #expect(outcome.output == [0x61, 0, 0x62])
        #expect(try shell("kill -9 $$").status == 137)
    }

    @Test func `inputs come on standard input and from descriptor 3 on, whole and from their beginning`()
        throws
    {
        let long = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try shell("cat", inputs: [long]).output == long)
        let outcome = try shell("cat <&4; cat <&3; cat", inputs: [[0x61], [0x62], [0x63]])
        #expect(outcome.output == Array("cba".utf8))
        #expect(try shell("cat").output.isEmpty)
    }

    @Test func `a program gets the environment it is given, and no descriptor of ours`() throws {
        #expect(
            try Program("/usr/bin/env", [], deadline: .seconds(20), outputLimit: 1_000).run().output.isEmpty)
        let outcome = try shell("/usr/bin/env", environment: ["STRONGROOM_A=b c"])
        #expect(String(decoding: outcome.output, as: UTF8.self).contains("STRONGROOM_A=b c\n"))
        let open = try shell("for f in /proc/self/fd/*; do echo ${f##*/}; done", inputs: [[1], [2]])
        let numbers = String(decoding: open.output, as: UTF8.self).split(separator: "\n").compactMap {
            Int($0)
        }
        // 10 is the shell's own.
        #expect(Set(numbers).isSubset(of: [0, 1, 2, 3, 4, 10]))
    }

    @Test func `a program that is not there or named without its path is not started`() {
        #expect(
            code { () throws(ProcessError) in
                try Program("/nonexistent/program", [], deadline: .seconds(5), outputLimit: 1).run()
            } == .notStarted)
        #expect(
            code { () throws(ProcessError) in
                try Program("sh", [], deadline: .seconds(5), outputLimit: 1).run()
            } == .notStarted)
    }

    @Test(arguments: [
        "sleep 1000", "exec >&-; sleep 1000", "trap '' TERM INT; while :; do sleep 1; done",
        "sleep 1000 & wait",
    ])
    func `past its deadline a program and its group are ended`(script: String) {
        #expect(
            code { () throws(ProcessError) in try shell(script, deadline: .milliseconds(300)) } == .timedOut)
    }

    @Test func `a program that prints more than it may is ended`() {
        #expect(code { () throws(ProcessError) in try shell("yes", limit: 1 << 16) } == .tooMuchOutput)
        #expect(code { () throws(ProcessError) in try shell("printf 12345", limit: 5) } == nil)
        #expect(code { () throws(ProcessError) in try shell("printf 123456", limit: 5) } == .tooMuchOutput)
    }

    @Test func `what a program leaves running in its group ends with it`() throws {
        // The child holds none of our descriptors, so that nothing waits for it.
        let outcome = try shell("sleep 1000 >&- 2>&- <&- & echo $!")
        let process = try #require(Int32(String(decoding: outcome.output.dropLast(), as: UTF8.self)))
        // A killed process may stay listed until its parent has seen it.
        let script =
            "for i in $(seq 200); do s=$(cut -d' ' -f3 /proc/\(process)/stat 2>&-) || exit 0; "
            + "[ \"$s\" = Z ] && exit 0; sleep 0.05; done; exit 1"
        #expect(ShellCommand.run("sh", ["-c", script]).status == 0)
    }
}
