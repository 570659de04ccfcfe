import Glibc
import Support
import Testing

/// Files of the work tree under seal, set and open, killed or failed at each state-changing call.
@Suite struct SealCrashTests {
    /// A verb that writes one file.
    enum Verb: String, CaseIterable, Sendable {
        case sealValues, sealFile, set, openTo

        /// The file that it writes.
        var file: String {
            switch self {
            case .sealValues, .set: "deploy/prod/subject.yaml"
            case .sealFile: "deploy/prod/subject.key"
            case .openTo: "deploy/prod/opened.txt"
            }
        }

        func points(_ world: World) -> CrashPoints {
            switch self {
            case .sealValues, .sealFile: world.points("seal", file)
            case .set:
                world.points(
                    "set", file, "stringData.password", stdin: "CANARY of the new value", identity: "alice")
            case .openTo:
                world.points(
                    "open", "deploy/prod/server.key", "--output", file, "--identity",
                    world.path("alice.identity"))
            }
        }

        func prepare(_ world: World) {
            switch self {
            case .sealValues:
                world.config.write(file, World.database.replacing("name: database", with: "name: subject"))
            case .sealFile: world.config.write(file, World.serverKey)
            case .set:
                world.config.write(
                    file, "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\nstringData: {}\n")
            case .openTo: world.config.write(file, "old content")
            }
        }
    }

    @Test(arguments: Verb.allCases)
    func `F015: a run killed at any call leaves the old file or the new, and nothing of a plaintext`(
        verb: Verb
    ) throws {
        let (world, old, clean) = try cleanRun(verb)
        let place = "config/" + verb.file
        // Temporary files are named as Files names them and closed to others from the start.
        for call in clean.calls where call.contains(" openat") {
            #expect(call.contains(".tmp-") || call.contains(".pin"), "\(call)")
        }
        for number in 1...clean.callCount {
            verb.prepare(world)
            let outcome = verb.points(world).run(.killAfter(number))
            #expect(outcome.isReached)
            expectOldOrNew(world, verb, old)
            expectClosed(world, verb)
            if world.text(place) != old { verb.prepare(world) }
            #expect(verb.points(world).run(.none).status == 0)
            #expect(world.text(place) != old)
            #expect(leftovers(below: world.config.path) == [])
        }
    }

    @Test(arguments: Verb.allCases, [ENOSPC, EIO, EDQUOT])
    func `F014: a disk that is full or fails at any call leaves the old file, and nothing of a plaintext`(
        verb: Verb, errno: Int32
    ) throws {
        let (world, old, clean) = try cleanRun(verb)
        let place = "config/" + verb.file
        for number in 1...clean.callCount {
            let call = clean.calls[number - 1]
            for isPersistent in [false, true] {
                verb.prepare(world)
                let outcome = verb.points(world).run(.fail(number, errno: errno, persistent: isPersistent))
                let errors = String(decoding: outcome.stderr, as: UTF8.self)
                #expect(outcome.status == 7, "\(call): \(errors)")
                #expect(errors.split(separator: "\n").count == 1 && !errors.contains("CANARY"), "\(errors)")
                #expect(outcome.stdout.isEmpty)
                // Only the last step, the fsync of the directory behind the rename, is too late for the old file.
                let isLate = clean.calls[..<(number - 1)].contains { $0.contains(" rename") }
                if isLate {
                    expectOldOrNew(world, verb, old)
                } else {
                    #expect(world.text(place) == old, "\(call)")
                }
                // Where not even the temporary file can be removed it is closed to others, until the next run.
                guard isPersistent else {
                    #expect(leftovers(below: world.config.path) == [], "\(call)")
                    continue
                }
                expectClosed(world, verb)
                #expect(verb.points(world).run(.none).status == 0)
                #expect(leftovers(below: world.config.path) == [], "\(call)")
            }
        }
        // A short write is no failure: the rest is written.
        for number in CrashPoints.spread(3, over: clean.writeCount) {
            verb.prepare(world)
            #expect(verb.points(world).run(.shortWrite(number)).status == 0)
            expectOldOrNew(world, verb, old)
            #expect(world.text(place) != old)
        }
    }

    /// A world in which the verb has run once, what its file was before, and the calls that it makes.
    private func cleanRun(_ verb: Verb) throws -> (World, old: String, CrashPoints.Outcome) {
        let world = World()
        // The pin is made before, so that what is counted is the file's own.
        verb.prepare(world)
        #expect(verb.points(world).run(.none).status == 0)
        verb.prepare(world)
        let old = world.text("config/" + verb.file)
        let clean = verb.points(world).run(.none)
        try #require(clean.status == 0)
        #expect(world.text("config/" + verb.file) != old)
        return (world, old, clean)
    }

    /// Temporary files are closed to others; one that is whole has the mode of the file that it replaces.
    private func expectClosed(_ world: World, _ verb: Verb) {
        let found = ShellCommand.run(
            "find", [world.config.path, "-name", ".*.tmp-*", "-printf", "%m %p\n"])
        for line in found.text.split(separator: "\n") where !line.hasPrefix("600 ") {
            #expect(verb != .openTo && line.hasPrefix("644 "), "\(line)")
            let text = ShellCommand.run("cat", [String(line.dropFirst(4))]).text
            #expect(!text.isEmpty && !text.contains("CANARY"), "\(line)")
        }
    }

    private func expectOldOrNew(_ world: World, _ verb: Verb, _ old: String) {
        let text = world.text("config/" + verb.file)
        guard text != old else { return }
        if verb == .openTo {
            #expect(text == World.serverKey)
            #expect(ShellCommand.run("stat", ["-c", "%a", world.path("config/" + verb.file)]).text == "600")
            return
        }
        let opened = world.run("open", verb.file, identity: "alice")
        #expect(opened.status == 0, "\(opened.errorText)")
        #expect(opened.text.contains("CANARY"))
    }
}
