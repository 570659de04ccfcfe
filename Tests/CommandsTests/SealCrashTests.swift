import Glibc
import Support
import Testing

/// Files of the work tree under seal, set and open, killed or failed at each state-changing call: F014, F015, F028.
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
    func `a file that is written is old or new at every moment, and nothing of a plaintext is left`(
        verb: Verb
    ) throws {
        let world = World()
        // The pin is made before, so that what is counted is the file's own.
        verb.prepare(world)
        #expect(verb.points(world).run(.none).status == 0)
        let place = "config/" + verb.file
        verb.prepare(world)
        let old = world.text(place)
        let clean = verb.points(world).run(.none)
        #expect(clean.status == 0)
        #expect(world.text(place) != old)
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
        for (number, errno) in (1...clean.callCount).flatMap({ n in [(n, ENOSPC), (n, EIO)] }) {
            verb.prepare(world)
            let outcome = verb.points(world).run(.fail(number, errno: errno))
            #expect(outcome.status == 7, "\(clean.calls[number - 1])")
            expectOldOrNew(world, verb, old)
            #expect(leftovers(below: world.config.path) == [], "\(clean.calls[number - 1])")
        }
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
