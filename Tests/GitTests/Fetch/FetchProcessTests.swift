import Files
import Glibc
import Support
import Testing

@testable import Git

/// What the process that fetches is held to, and what its end leaves.
@Suite struct FetchProcessTests {
    private let fixture = FetchFixture()

    private var url: String { fixture.source.path }

    @Test func `a directory of this machine is fetched by a process too, without one where nothing is new`()
        throws
    {
        try fixture.fetch(url)
        #expect(fixture.isComplete)
        let state = fixture.mirrorState
        try fixture.fetch(url, program: "/nonexistent/program")
        #expect(fixture.mirrorState == state)
        fixture.source.write("c", "2")
        fixture.source.commit("second")
        #expect(
            code { () throws(GitError) in try fixture.fetch(url, program: "/nonexistent/program") }
                == .processFailed)
        #expect(fixture.mirrorState == state)
        try fixture.fetch(url)
        #expect(fixture.isComplete)
    }

    @Test func `what is on other machines is not fetched without a process`() {
        let result = code { () throws(GitError) in
            _ = try Mirror.fetch(RemoteLocation("https://localhost/x"), into: fixture.mirrorPath)
        }
        #expect(result == .unsupportedTransport)
    }

    @Test(arguments: ["/bin/true", "/bin/false", "/bin/cat"])
    func `a process that gives no answer is told`(program: String) {
        let result = code { () throws(GitError) in try fixture.fetch(url, program: program) }
        #expect(result == .processFailed)
        #expect(fixture.leftovers.isEmpty)
    }

    @Test func `requests and answers come back as they were`() throws {
        var limits = FetchLimits()
        limits.byteCount = 12345
        let request = FetchRequest(
            parent: 17, location: try RemoteLocation("http://localhost:1/x", allowingPlainHTTP: true),
            mirror: "/a", quarantine: "/b", scope: .branchesAndTags, limits: limits, authorities: "/ca",
            knownHosts: nil, secret: .agent)
        #expect(try FetchRequest(request.encoded) == request)
        for count in 0..<request.encoded.count {
            let result = code { () throws(GitError) in
                _ = try FetchRequest(Array(request.encoded.prefix(count)))
            }
            #expect(result == .processFailed)
        }
        #expect(code { () throws(GitError) in _ = try FetchRequest(request.encoded + [0]) } == .processFailed)
        let failure = LibraryFailure(function: "f", code: -5, errorClass: 3, message: "m")
        let answer = FetchAnswer.encode(GitError(.unreachable, "words", underlying: failure))
        do throws(GitError) {
            try FetchAnswer.decode(answer)
            Issue.record("an error was lost")
        } catch {
            #expect(error.code == .unreachable && error.context == "words")
            #expect((error.underlying as? LibraryFailure)?.code == -5)
        }
        try FetchAnswer.decode(FetchAnswer.encode(nil))
    }

    @Test func `F045 more objects, bytes, refs or larger files than allowed are refused`() throws {
        fixture.source.write("large", [UInt8](repeating: 7, count: 3 << 20))
        let random = ShellCommand.run("head", ["-c", "300000", "/dev/urandom"])
        fixture.source.write("random", random.stdout)
        fixture.source.commit("large")
        let sources = HTTPGitServer.isExpected ? [url, ""] : [url]
        for source in sources {
            let server = source.isEmpty ? HTTPGitServer(root: fixture.root) : nil
            let place = server?.url("app.git") ?? source
            func ending(_ change: (inout FetchLimits) -> Void) -> GitError.Code? {
                var limits = FetchLimits()
                change(&limits)
                return fixture.failure(place, limits: limits)?.code
            }
            #expect(ending { $0.objectCount = 3 } == .limitExceeded)
            #expect(ending { $0.byteCount = 100_000 } == .limitExceeded)
            #expect(ending { $0.referenceCount = 2 } == .limitExceeded)
            #expect(ending { $0.objectByteCount = 1 << 20 } == .limitExceeded)
            #expect(fixture.leftovers.isEmpty)
            #expect(try Mirror(at: fixture.mirrorPath).references.entries.isEmpty)
        }
        #expect(fixture.failure(url) == nil)
        #expect(fixture.isComplete)
    }

    @Test(.enabled(if: HTTPGitServer.isExpected, Comment(rawValue: HTTPGitServer.absence)))
    func `F045 deltas that unpack to gigabytes end at the bound of memory`() throws {
        let server = HostileGitServer(.deltaBomb)
        var limits = FetchLimits()
        limits.memoryByteCount = 3 << 29
        let failure = fixture.failure(server.url, limits: limits)
        #expect(failure?.code == .limitExceeded, "\(String(describing: failure))")
        #expect(fixture.leftovers.isEmpty)
    }

    @Test func `F045 a million refs end at the bound of refs`() throws {
        let server = HostileGitServer(.manyReferences)
        let failure = fixture.failure(server.url)
        #expect(failure?.code == .limitExceeded, "\(String(describing: failure))")
        #expect(fixture.leftovers.isEmpty)
    }

    @Test func `a pack without all that its refs need never becomes part of the mirror`() throws {
        let server = HostileGitServer(.hole)
        let failure = fixture.failure(server.url)
        #expect(failure?.code == .brokenPack, "\(String(describing: failure))")
        #expect(try Mirror(at: fixture.mirrorPath).references.entries.isEmpty)
        #expect(fixture.plainMirror.git("count-objects", "-v").contains("in-pack: 0"))
    }

    @Test func `a server that falls silent amid the pack is given up`() throws {
        try fixture.fetch(url)
        let state = fixture.mirrorState
        fixture.source.write("c", "2")
        fixture.source.commit("second")
        let server = HostileGitServer(.stall)
        var limits = FetchLimits()
        limits.idleSeconds = 1
        let silent = fixture.failure(server.url, limits: limits)
        #expect(silent?.code == .timedOut, "\(String(describing: silent))")
        #expect(silent?.context.contains("silent") == true)
        #expect(fixture.mirrorState == state)
        #expect(fixture.leftovers.isEmpty)
        // One that trickles is ended at the deadline, with its whole group.
        let trickle = HostileGitServer(.trickle)
        limits.seconds = 3
        limits.idleSeconds = 60
        let late = fixture.failure(trickle.url, limits: limits)
        #expect(late?.code == .timedOut, "\(String(describing: late))")
        #expect(late?.context.contains("not done after 3 s") == true)
        #expect(fixture.mirrorState == state)
        #expect(fixture.leftovers.isEmpty)
        #expect(fixture.failure(url) == nil)
        #expect(fixture.isComplete)
    }

    @Test func `F048 a second fetch at the same time is told that the mirror is locked`() throws {
        try fixture.fetch(url)
        let server = HostileGitServer(.stall)
        let first = BackgroundProcess(
            FetchFixture.probe, ["fetch", server.url, fixture.scratch.file("mirror.git")],
            log: fixture.scratch.file("log"))
        while fixture.leftovers.isEmpty { usleep(10_000) }
        #expect(fixture.failure(url)?.code == .locked)
        #expect(!fixture.leftovers.isEmpty)
        first.end()
        #expect(fixture.failure(url) == nil)
        #expect(fixture.isComplete)
    }

    @Test(arguments: [true, false])
    func `F047 fetches killed at random points leave a mirror that the next one completes`(isRemote: Bool)
        throws
    {
        guard !isRemote || HTTPGitServer.isExpected else { return }
        let random = ShellCommand.run("head", ["-c", "1000000", "/dev/urandom"])
        fixture.source.write("random", random.stdout)
        fixture.source.commit("large")
        let server = isRemote ? HTTPGitServer(root: fixture.root) : nil
        let place = server?.url("app.git") ?? url
        func run(killedAfter microseconds: UInt32?) -> Int32 {
            let process = BackgroundProcess(
                FetchFixture.probe, ["fetch", place, fixture.scratch.file("mirror.git")],
                log: fixture.scratch.file("log"))
            if let microseconds {
                usleep(microseconds)
                process.killAlone()
            }
            return process.wait()
        }
        // Points are spread over the time that a fetch takes here and now, whatever else the machine does.
        let clock = ContinuousClock()
        var time = clock.measure { _ = run(killedAfter: nil) } / .microseconds(1)
        TemporaryDirectory.removeTree(fixture.scratch.file("mirror.git"))
        var generator = SystemRandomNumberGenerator()
        var killed = 0
        for round in 0..<100 {
            let bound = UInt32(max(2_000, min(time, 900_000)))
            if run(killedAfter: UInt32.random(in: 1_000..<bound, using: &generator)) == 137 {
                killed += 1
                time *= 1.1
            } else {
                time *= 0.8
            }
            guard round % 10 == 9 else { continue }
            #expect(run(killedAfter: nil) == 0)
            #expect(fixture.isComplete)
            if round % 20 == 19 {
                TemporaryDirectory.removeTree(fixture.scratch.file("mirror.git"))
            } else {
                fixture.source.write(
                    "random", ShellCommand.run("head", ["-c", "500000", "/dev/urandom"]).stdout)
                fixture.source.commit("round \(round)")
            }
        }
        #expect(killed > 10)
        #expect(run(killedAfter: nil) == 0)
        #expect(fixture.isComplete)
    }
}
