import Glibc
import Support
import Testing

@Suite struct CrashHarnessTests {
    let scratch = TemporaryDirectory("harness")
    private let script = "mkdir one && echo text 2> two >&2 && mv two three && rmdir one && sleep 0 > four"

    @Test func `a clean run counts its calls and changes nothing about it`() {
        let outcome = shell(script + " && echo done && exit 3").run(.none)
        #expect(outcome.status == 3)
        #expect(outcome.isReached)
        #expect(String(decoding: outcome.stdout, as: UTF8.self) == "done\n")
        #expect(outcome.callCount == outcome.calls.count)
        #expect(names(outcome) == ["mkdir", "openat", "rename", "rmdir", "openat"])
    }

    @Test func `the command is killed right after each of its calls`() {
        let expected: [[String]] = [
            ["one"], ["one", "two"], ["one", "three"], ["three"], ["four", "three"],
        ]
        for (index, names) in expected.enumerated() {
            let outcome = shell(script + "; sleep 100").run(.killAfter(index + 1))
            #expect(outcome.isReached)
            #expect(outcome.status == 128 + SIGKILL)
            #expect(list() == names)
            clear()
        }
        let outcome = shell(script).run(.killAfter(6))
        #expect(!outcome.isReached)
        #expect(outcome.status == 0)
    }

    @Test func `descendants die with the command`() {
        let outcome = shell("(sleep 1; touch late) & mkdir one; wait").run(.killAfter(1))
        #expect(outcome.isReached)
        _ = ShellCommand.run("sleep", ["1.5"])
        #expect(list() == ["one"])
    }

    @Test func `a failed call has no effect and the errno that was asked for`() {
        let outcome = shell("mkdir one; mkdir two; mkdir three").run(.fail(2, errno: ENOSPC))
        #expect(outcome.isReached)
        #expect(String(decoding: outcome.stderr, as: UTF8.self).contains("No space left on device"))
        #expect(list() == ["one", "three"])
        clear()
        let persistent = shell("mkdir one; mkdir two; mkdir three").run(
            .fail(2, errno: EIO, persistent: true))
        #expect(persistent.status == 1)
        #expect(list() == ["one"])
    }

    @Test func `a short write is gone on with by programs that do it right`() {
        let text = String(repeating: "0123456789", count: 1000)
        let outcome = CrashPoints(
            "dd", ["of=\(scratch.file("out"))", "bs=1000", "count=10", "conv=fsync"], stdin: Array(text.utf8)
        ).run(.none)
        // dd writes to its standard output, which is not counted; Python writes to a descriptor of its own.
        #expect(outcome.writeCount == 0)
        let program =
            "import os; f = os.open('file', os.O_CREAT | os.O_WRONLY); print(os.write(f, b'12345678'))"
        let short = CrashPoints("python3", ["-c", program], directory: scratch.path).run(.shortWrite(1))
        #expect(short.isReached)
        #expect(String(decoding: short.stdout, as: UTF8.self) == "4\n")
        #expect(short.calls.contains { $0.hasSuffix("/file 4") && $0.contains(" write ") })
    }

    @Test func `threads are counted one call at a time`() {
        let program = """
            import os, threading
            def work(n):
                for i in range(20): os.mkdir(f'{n}-{i}')
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            [t.start() for t in threads]; [t.join() for t in threads]
            """
        let points = CrashPoints("python3", ["-c", program], directory: scratch.path)
        #expect(names(points.run(.none)) == [String](repeating: "mkdir", count: 80))
        for number in [1, 40, 79] {
            clear()
            #expect(points.run(.killAfter(number)).isReached)
            #expect(list().count == number)
        }
    }

    @Test func `points are spread over the whole run`() {
        #expect(CrashPoints.spread(3, over: 100) == [1, 50, 100])
        #expect(CrashPoints.spread(20, over: 5) == [1, 2, 3, 4, 5])
        #expect(CrashPoints.spread(20, over: 0) == [])
        #expect(Set(CrashPoints.spread(20, over: 1000)).count == 20)
    }

    private func shell(_ script: String) -> CrashPoints {
        CrashPoints("/bin/sh", ["-c", script], directory: scratch.path)
    }

    private func names(_ outcome: CrashPoints.Outcome) -> [String] {
        // Which of the calls for renaming is made is the C library's own affair.
        outcome.calls.map { $0.split(separator: " ")[1] }.map {
            $0.hasPrefix("rename") ? "rename" : String($0)
        }
    }

    private func list() -> [String] {
        ShellCommand.run("ls", [scratch.path]).text.split(separator: "\n").map(String.init)
    }

    private func clear() { _ = ShellCommand.run("find", [scratch.path, "-mindepth", "1", "-delete"]) }
}
