import Support
import Testing

@Suite struct ShellCommandTests {
    @Test func `a command gives its status and both outputs`() {
        let outcome = ShellCommand.run(
            "sh", ["-c", "cat; echo oops >&2; exit 3"], stdin: Array("hello".utf8))
        #expect(outcome.status == 3)
        #expect(outcome.text == "hello")
        #expect(outcome.errorText == "oops")
    }

    @Test func `a command runs in the directory and environment given`() {
        let scratch = TemporaryDirectory()
        let outcome = ShellCommand.run(
            "/bin/sh", ["-c", "pwd; echo $A$HOME"], environment: ["A": "b"], directory: scratch.path)
        #expect(outcome.text == "\(scratch.path)\nb")
    }

    @Test func `a large output does not hang`() {
        #expect(ShellCommand.run("head", ["-c", "3000000", "/dev/zero"]).stdout.count == 3_000_000)
    }

    @Test func `a command that is not there gives 127`() {
        #expect(ShellCommand.run("/nonexistent/x").status == 127)
    }

    @Test func `a scratch repository makes commits with fixed ids`() {
        let scratch = TemporaryDirectory()
        let repository = ScratchRepository(creating: scratch.file("r"))
        repository.write("a/b.txt", "hello\n")
        let commit = repository.commit("first")
        #expect(commit.count == 40)
        #expect(repository.git("ls-tree", "-r", "--name-only", commit) == "a/b.txt")
    }
}
