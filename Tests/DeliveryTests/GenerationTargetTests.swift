import Encodings
import Files
import Git
import Glibc
import Sodium
import Support
import Synchronization
import Testing

@testable import Delivery

@Suite struct GenerationTargetTests {
    let fixture = Fixture()

    @Test func `the first delivery makes a link to a complete generation with exact modes`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        let target = try fixture.target()
        let tree = try fixture.tree(["a.txt": "one", "deep/b.txt": "two", "deep/er/run.sh*": "#!/bin/sh\n"])
        let receipt = try fixture.deliver(tree, to: target)
        #expect(receipt.outcome == .applied)
        #expect(receipt.commit.hex == String(repeating: "a", count: 40))
        #expect(
            fixture.listing(fixture.app + "/") == [
                "a.txt f 400", "deep d 700", "deep/b.txt f 400", "deep/er d 700", "deep/er/run.sh f 500",
            ])
        #expect(fixture.text("app/deep/b.txt") == "two")
        let own = fixture.listing(fixture.scratch.path).filter { !$0.contains("/") }
        #expect(own == [".app.generations d 700", "app l 777"])
    }

    @Test func `the same content delivered again touches nothing, whatever the commit`() throws {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target)
        let before = ShellCommand.run("/bin/readlink", [fixture.app]).text
        let receipt = try fixture.deliver(try fixture.tree(["a.txt": "one"], commit: "b"), to: target)
        #expect(receipt.outcome == .unchanged)
        #expect(ShellCommand.run("/bin/readlink", [fixture.app]).text == before)
        #expect(fixture.generations.count == 1)
    }

    @Test func `what is not in the tree any more is gone with the switch`() throws {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one", "b.txt": "two"]), to: target)
        let tree = try fixture.tree(["a.txt": "changed", "c/d.txt": "new"])
        let plan = try target.preview(tree)
        #expect(plan.lines.dropLast() == ["change a.txt", "remove b.txt", "add c/d.txt"])
        try fixture.deliver(tree, to: target)
        #expect(fixture.listing(fixture.app + "/") == ["a.txt f 400", "c d 700", "c/d.txt f 400"])
    }

    @Test func `a delivered file that somebody altered, added or opened up is set right`() throws {
        let target = try fixture.target()
        let tree = try fixture.tree(["a.txt": "one", "b.txt": "two", "c.txt": "three"])
        try fixture.deliver(tree, to: target)
        unsafe chmod(fixture.app + "/a.txt", 0o644)
        unsafe chmod(fixture.app + "/b.txt", 0o600)
        fixture.write("app/b.txt", "TWO")
        unsafe unlink(fixture.app + "/c.txt")
        fixture.write("app/extra.txt", "foreign")
        let plan = try target.preview(tree)
        #expect(
            plan.lines.dropLast() == [
                "set mode a.txt", "change b.txt", "add c.txt", "remove extra.txt",
            ])
        try fixture.deliver(tree, to: target)
        #expect(fixture.listing(fixture.app + "/") == ["a.txt f 400", "b.txt f 400", "c.txt f 400"])
        #expect(fixture.text("app/b.txt") == "two")
    }

    @Test func `a dry run leaves no trace`() throws {
        let target = try fixture.target()
        let plan = try target.preview(try fixture.tree(["a.txt": "one"]))
        #expect(!plan.isEmpty)
        #expect(fixture.listing(fixture.scratch.path).isEmpty)
    }

    @Test(arguments: ["directory", "file", "link", "strange link"])
    func `F060 what is not ours at the target is refused at first use`(kind: String) throws {
        switch kind {
        case "directory": fixture.write("app/foreign.txt", "foreign")
        case "file": fixture.write("app", "foreign")
        case "link":
            fixture.write("elsewhere/foreign.txt", "foreign")
            unsafe symlink("elsewhere", fixture.app)
        default: unsafe symlink(".app.generations/../../etc", fixture.app)
        }
        let before = fixture.listing(fixture.scratch.path)
        let target = try fixture.target()
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetNotOurs)
        #expect(code { () throws(DeliveryError) in try target.preview(tree) } == .targetNotOurs)
        #expect(fixture.listing(fixture.scratch.path) == before)
    }

    @Test func `a directory of generations that is not ours is refused`() throws {
        fixture.write(".app.generations/precious.txt", "foreign")
        let target = try fixture.target()
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetNotOurs)
        #expect(fixture.text(".app.generations/precious.txt") == "foreign")
    }

    @Test func `old generations are kept ten minutes and then removed`() throws {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target, at: 1_000)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 2_000)
        #expect(fixture.generations.count == 2)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 2_599)
        #expect(fixture.generations.count == 2)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 2_600)
        #expect(fixture.generations.map { $0.prefix(12) } == ["bbbbbbbbbbbb"])
        #expect(fixture.text("app/a.txt") == "two")
    }

    @Test func `a clock that went back neither removes early nor keeps for ever`() throws {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target, at: 9_000)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 9_000)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 100)
        #expect(fixture.generations.count == 2)
        try fixture.deliver(try fixture.tree(["a.txt": "two"], commit: "b"), to: target, at: 700)
        #expect(fixture.generations.count == 1)
    }

    @Test func `F058 a failure half-way leaves the old set and no left-over`() throws {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one", "b.txt": "one"]), to: target)
        let before = fixture.listing(fixture.scratch.path)
        let bytes = Array("two".utf8)
        let failing = OpenedFile(
            path: "b.txt", isExecutable: false, origin: .plain,
            fingerprint: bytes.withBytes { fixture.digest.fingerprint(of: $0) },
            content: WatchedContent(bytes) { () throws(DeliveryError) in throw DeliveryError(.noSpace, "full")
            })
        let tree = OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: "b", count: 40)),
            files: [fixture.file("a.txt", bytes), failing], notices: [], digest: fixture.digest)
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .noSpace)
        #expect(fixture.listing(fixture.scratch.path) == before)
        #expect(fixture.text("app/a.txt") == "one")
    }

    @Test func `content that changed since it was opened is never switched to`() throws {
        let target = try fixture.target()
        let lying = OpenedFile(
            path: "a.txt", isExecutable: false, origin: .plain,
            fingerprint: Array("one".utf8).withBytes { fixture.digest.fingerprint(of: $0) },
            content: WatchedContent(Array("two".utf8)) {})
        let tree = OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: "b", count: 40)),
            files: [lying], notices: [], digest: fixture.digest)
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .cannotOpen)
        #expect(unsafe access(fixture.app, F_OK) != 0)
    }

    @Test func `F059 files are 0600 and directories 0700 while they are written`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        let target = try fixture.target(mode: 0o444)
        let store = fixture.scratch.file(".app.generations")
        let seen = Mutex<[String]>([])
        let bytes = Array("one".utf8)
        let fixture = fixture
        let watched = OpenedFile(
            path: "deep/a.txt", isExecutable: false, origin: .plain,
            fingerprint: bytes.withBytes { fixture.digest.fingerprint(of: $0) },
            content: WatchedContent(bytes) {
                let lines = fixture.listing(store).filter { $0.hasPrefix("building-") }
                seen.withLock {
                    $0 += lines.map { $0.split(separator: " ").dropFirst().joined(separator: " ") }
                }
            })
        let tree = OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: "b", count: 40)),
            files: [watched], notices: [], digest: fixture.digest)
        try fixture.deliver(tree, to: target)
        #expect(seen.withLock { Set($0) } == ["d 700", "f 600"])
        #expect(fixture.listing(fixture.app + "/") == ["deep d 755", "deep/a.txt f 444"])
        #expect(fixture.listing(fixture.scratch.path).contains(".app.generations d 711"))
    }

    @Test func `owner and group are as asked`() throws {
        guard geteuid() == 0 else { return }
        let target = try fixture.target(mode: 0o440, owner: FileOwner(user: 4_711, group: 4_712))
        let tree = try fixture.tree(["a.txt": "one", "deep/b.txt": "two"])
        try fixture.deliver(tree, to: target)
        let owners = ShellCommand.run(
            "/bin/sh", ["-c", "cd \"$1/\" && find . -printf '%U:%G %m\\n' | sort -u", "sh", fixture.app])
        #expect(owners.text == "4711:4712 440\n4711:4712 750")
        #expect(try target.preview(tree).isEmpty)
        unsafe chown(fixture.app + "/a.txt", 0, 0)
        #expect(try target.preview(tree).lines.first == "set mode a.txt")
        #expect(fixture.listing(fixture.scratch.path).contains(".app.generations d 711"))
    }

    @Test func `F048 a second delivery to a locked target is refused, the first is undisturbed`() throws {
        let target = try fixture.target()
        let tree = try fixture.tree(["a.txt": "one"])
        let first = try TargetSession.open(target, now: time(1_000))
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .locked)
        let plan = try first.plan(tree)
        #expect(try first.deliver(plan, at: time(1_000)).outcome == .applied)
        #expect(try fixture.deliver(tree, to: target).outcome == .unchanged)
    }

    /// The states that a kill after each step leaves: see the order in `GenerationTarget`.
    @Test(arguments: 0..<7)
    func `F057 after a kill at any step the reader sees old or new and the next run succeeds`(step: Int)
        throws
    {
        let target = try fixture.target()
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target, at: 1_000)
        let store = fixture.scratch.file(".app.generations")
        let name = "bbbbbbbbbbbb-0123456789abcdef"
        switch step {
        case 0: unsafe mkdir("\(store)/building-\(name)", 0o700)
        case 1:
            fixture.write(".app.generations/building-\(name)/a.txt", "tw")
            unsafe chmod("\(store)/building-\(name)", 0)
        case 2: fixture.write(".app.generations/\(name)/a.txt", "two")
        case 3:
            fixture.write(".app.generations/\(name)/a.txt", "two")
            unsafe symlink(".app.generations/\(name)", "\(store)/switch-0123456789abcdef")
        case 4:
            unsafe unlink(fixture.app)
            fixture.write(".app.generations/\(name)/a.txt", "two")
            unsafe symlink(".app.generations/\(name)", fixture.app)
        case 5: fixture.write(".app.generations/.state.tmp-0123456789abcdef", "half")
        default:
            // The very first run, killed before its state was written.
            TemporaryDirectory.removeTree(fixture.app)
            TemporaryDirectory.removeTree(store)
            fixture.write(".app.generations/lock", "")
            fixture.write(".app.generations/.state.tmp-0123456789abcdef", "half")
        }
        try fixture.deliver(try fixture.tree(["a.txt": "three"], commit: "c"), to: target, at: 1_001)
        #expect(fixture.text("app/a.txt") == "three")
        try fixture.deliver(try fixture.tree(["a.txt": "three"], commit: "c"), to: target, at: 2_000)
        #expect(fixture.generations.map { $0.prefix(12) } == ["cccccccccccc"])
        let names = fixture.listing(store).map { String($0.prefix { $0 != " " }) }.filter {
            !$0.contains("cccc")
        }
        #expect(names == ["lock", "state"])
    }

    @Test func `F056 a parent that is moved away during the delivery ends it`() throws {
        fixture.write("parent/other.txt", "")
        let target = try FilesTarget(directory: Path(fixture.scratch.file("parent/app")))
        let (from, to, outside) = (
            fixture.scratch.file("parent"), fixture.scratch.file("moved"), fixture.scratch.file("outside")
        )
        unsafe mkdir(outside, 0o755)
        let bytes = Array("one".utf8)
        let watched = OpenedFile(
            path: "a.txt", isExecutable: false, origin: .plain,
            fingerprint: bytes.withBytes { fixture.digest.fingerprint(of: $0) },
            content: WatchedContent(bytes) {
                if unsafe rename(from, to) == 0 { unsafe symlink(outside, from) }
            })
        let tree = OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: "b", count: 40)),
            files: [watched], notices: [], digest: fixture.digest)
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetRefused)
        #expect(fixture.listing(outside).isEmpty)
        #expect(unsafe access("\(to)/app", F_OK) != 0)
    }

    @Test func `a reader never sees a mix of two generations`() throws {
        let target = try fixture.target()
        let names = (0..<20).map { "f\($0).txt" }
        func tree(_ version: Int) throws -> OpenedTree {
            try fixture.tree(Dictionary(uniqueKeysWithValues: names.map { ($0, "version \(version)") }))
        }
        try fixture.deliver(try tree(0), to: target)
        let stop = Atomic<Bool>(false)
        let mixes = Atomic<Int>(0)
        let rounds = Atomic<Int>(0)
        let app = fixture.app
        try withThread {
            while !stop.load(ordering: .relaxed) {
                // As a program reads its configuration: enter the directory once, then read its files.
                let directory = unsafe open(app, O_RDONLY | O_DIRECTORY)
                guard directory >= 0 else {
                    mixes.add(1, ordering: .relaxed)
                    continue
                }
                var texts: Set<[UInt8]> = []
                for name in names {
                    let file = unsafe openat(directory, name, O_RDONLY)
                    var bytes = [UInt8](repeating: 0, count: 64)
                    let count = unsafe read(file, &bytes, 64)
                    texts.insert(Array(bytes.prefix(max(0, count))))
                    close(file)
                }
                close(directory)
                if texts.count != 1 || texts.first?.isEmpty ?? true { mixes.add(1, ordering: .relaxed) }
                rounds.add(1, ordering: .relaxed)
            }
        } during: {
            for version in 1...40 { try fixture.deliver(try tree(version), to: target) }
            while rounds.load(ordering: .relaxed) < 5 { sched_yield() }
            stop.store(true, ordering: .relaxed)
        }
        #expect(mixes.load(ordering: .relaxed) == 0)
    }

    @Test func `the state of generations is read back as written and in no other form`() throws {
        var state = GenerationState()
        state.retired = ["aaaaaaaaaaaa-0123456789abcdef": time(5), "bbbbbbbbbbbb-0123456789abcdef": time(-1)]
        let bytes = state.bytes
        #expect(try GenerationState(bytes) == state)
        for count in 0..<bytes.count {
            #expect(throws: EncodingError.self) { try GenerationState(Array(bytes[..<count])) }
        }
        #expect(throws: EncodingError.self) { try GenerationState(bytes + [0]) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                if let other = try? GenerationState(flipped) { #expect(other.bytes == flipped) }
            }
        }
    }
}
