import Encodings
import Files
import Glibc
import Support
import Testing

@testable import Delivery

/// The whole flow again and again, beside a program that reads what is delivered.
@Suite struct WholeReconciliationTests {
    /// Pins the directory once, as a program does that means to read several files of one state, and reads them all; until
    /// it has done so often enough and the file `stop` is there.
    private static let reader = """
        import os, sys, time
        path, stop, wanted, names = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
        reads, mixes, seen = 0, [], {}
        while reads < wanted or not os.path.exists(stop):
            reads += 1
            # Not to take the processor from what it is to race with.
            time.sleep(0.0005)
            texts = set()
            try:
                directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                for name in names:
                    file = os.open(name, os.O_RDONLY, dir_fd=directory)
                    texts.add(os.read(file, 4096))
                    os.close(file)
                os.close(directory)
            except OSError as error:
                texts.add(str(error).encode())
                texts.add(b"")
            if len(texts) == 1: seen[texts.pop().decode()] = 1
            else: mixes.append(repr(sorted(texts)))
        print(reads, sorted(seen), mixes[:5])
        """

    @Test func `F057 a program sees whole generations, 20,000 times beside 500 runs from Git to target`()
        async throws
    {
        let world = try World()
        let memory = TemporaryDirectory("strongroom-whole", in: "/dev/shm")
        let target = try FilesTarget(directory: Path(memory.file("app")))
        let names = ["a.txt", "deep/b.txt", "server.key", "z.txt"]
        var commits: [String] = []
        for round in ["one", "two"] {
            for name in names where name != "server.key" {
                world.repository.write("deploy/prod/\(name)", "round \(round)\n")
            }
            try world.sealFile("deploy/prod/server.key", Array("round \(round)\n".utf8))
            world.repository.commit(round)
            commits.append(world.repository.git("rev-parse", "HEAD"))
        }
        func run(_ round: Int) async throws -> Receipt.Outcome? {
            let reconciliation = try world.reconciliation(
                source: world.source(commit: commits[round % 2]), targets: [.files(target)])
            return try await reconciliation.run(at: time(1_700_001_000)).first?.outcome
        }
        #expect(try await run(0) == .applied)
        world.repository.write("reader.py", WholeReconciliationTests.reader)
        let (stop, log) = (memory.file("stop"), memory.file("log"))
        let reader = BackgroundProcess(
            "python3", [world.repository.path + "/reader.py", memory.file("app"), stop, "20000"] + names,
            log: log)
        var appliedCount = 0
        for round in 1...500 where try await run(round) == .applied { appliedCount += 1 }
        ScratchRepository(at: memory.path).write("stop", "")
        #expect(reader.wait() == 0)
        #expect(appliedCount == 500)
        let words = ShellCommand.run("cat", [log]).text
        #expect(words.hasSuffix(#" ['round one\n', 'round two\n'] []"#), "\(words)")
        #expect((words.split(separator: " ").first.flatMap { Int($0) } ?? 0) >= 20_000)
    }
}
