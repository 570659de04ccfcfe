import Glibc
import Support
import Testing

/// F013: a kernel that gives no random bytes, or stops to give them. A seccomp filter makes the calls fail.
@Suite struct RandomSourceTests {
    /// Sealing of a document and of a file.
    private static let verbs = [
        ["seal", "cases/a.yaml"], ["seal", "cases/a.bin"], ["set", "cases/a.yaml", "b"],
    ]

    private func prepare() -> World {
        let world = World.withCases()
        world.config.write("cases/a.yaml", "a: CANARY1\nb: CANARY2\n")
        world.config.write("cases/a.bin", "CANARY3")
        return world
    }

    private func points(_ world: World, _ verb: [String]) -> CrashPoints {
        world.points(verb[0], verb[1], verb.count > 2 ? verb[2] : "--", stdin: "CANARY4")
    }

    @Test(arguments: verbs)
    func `F013: where getrandom is blocked nothing is sealed and nothing is written`(verb: [String]) throws {
        for errno in [EPERM, ENOSYS, EFAULT] {
            let world = prepare()
            let before = try FileTree(world.config.path)
            let outcome = points(world, verb).run(.fail(1, errno: errno, persistent: true), of: .getrandom)
            let errors = String(decoding: outcome.stderr, as: UTF8.self)
            #expect(outcome.status == 1 && outcome.stdout.isEmpty, "\(errors)")
            #expect(
                errors.hasPrefix("strongroom: error: ") && errors.split(separator: "\n").count == 1,
                "\(errors)")
            #expect(try FileTree(world.config.path) == before)
        }
    }

    @Test(arguments: verbs)
    func `F013: where random bytes stop to come nothing is written from then on`(verb: [String]) throws {
        let world = prepare()
        let clean = points(world, verb).run(.none, of: .random)
        #expect(clean.status == 0 && clean.callCount > 1)
        let devices = clean.calls.filter { $0.contains(" open") }
        #expect(devices.isEmpty, "\(devices)")
        for errno in [EPERM, ENOSYS] {
            for number in 1...clean.callCount {
                let world = prepare()
                let before = try #require(try FileTree(world.config.path))
                // Calls of the loader and the standard library come first, and have another source: a device. From
                // the first of ours on, that one is gone as well.
                let isOurs = number > Self.libraryCalls
                let outcome = points(world, verb).run(
                    .fail(number, errno: errno, persistent: isOurs), of: .random)
                guard isOurs || outcome.status != 0 else { continue }
                let errors = String(decoding: outcome.stderr, as: UTF8.self)
                #expect(outcome.status == 1, "call \(number): \(errors)")
                #expect(errors.hasPrefix("strongroom: error: "), "call \(number): \(errors)")
                #expect(errors.split(separator: "\n").count == 1 && !errors.contains("CANARY"), "\(errors)")
                #expect(outcome.stdout.isEmpty)
                let after = try #require(try FileTree(world.config.path))
                // What ended at once leaves an empty temporary file at most; the next run takes it away.
                for path in after.paths where before[path] != after[path] {
                    #expect(path.contains(".tmp-"), "call \(number): \(path)")
                }
                expect(world.run([verb[0], verb[1]] + verb.dropFirst(2), stdin: "CANARY4"), 0)
                #expect(leftovers(below: world.config.path) == [])
            }
        }
    }

    /// Calls before the program's own first one: the C library's (malloc), and the standard library's (whether there is
    /// such a call, and two hash seeds), which takes the device where the call fails, and ends the process without it.
    private static let libraryCalls = 4
}
