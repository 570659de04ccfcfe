import Files
import Glibc
import Support
import Testing

@testable import Delivery

@Suite struct CompletionTests {
    let fixture = Fixture()

    private func target(
        _ layout: FilesTarget.Layout, _ script: String, timeout: Duration = .seconds(60)
    ) throws -> FilesTarget {
        var target = try fixture.target(layout)
        target.completion = .program(ChildProgram(["sh", "-c", script], timeout: timeout))
        return target
    }

    private var calls: Int { (fixture.text("calls") ?? "").split(separator: "\n").count }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a command is run after each change, and only then`(layout: FilesTarget.Layout) throws {
        let target = try target(
            layout,
            "cat \(fixture.app)/a.txt >> \(fixture.scratch.file("calls")); echo >> \(fixture.scratch.file("calls"))"
        )
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target)
        try fixture.deliver(try fixture.tree(["a.txt": "one"], commit: "b"), to: target)
        #expect(fixture.text("calls") == "one\n")
        try fixture.deliver(try fixture.tree(["a.txt": "two"]), to: target)
        #expect(fixture.text("calls") == "one\ntwo\n")
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a command that fails is a failed delivery, and is run again until it succeeds`(
        layout: FilesTarget.Layout
    ) throws {
        let script = "echo >> \(fixture.scratch.file("calls")); test -e \(fixture.scratch.file("ready"))"
        let target = try target(layout, script)
        let tree = try fixture.tree(["a.txt": "one"])
        for count in 1...2 {
            let refused = code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) }
            #expect(refused == .reloadFailed)
            #expect(calls == count && fixture.text("app/a.txt") == "one")
        }
        let plan = try target.preview(tree)
        #expect(plan.steps.isEmpty && plan.isCompletionDue && !plan.isEmpty)
        fixture.write("ready", "")
        #expect(try fixture.deliver(tree, to: target).outcome == .applied)
        #expect(try fixture.deliver(tree, to: target).outcome == .unchanged)
        #expect(calls == 3)
    }

    @Test func `a command that is too slow is ended and is a failed delivery`() throws {
        let target = try target(.generation, "sleep 600", timeout: .milliseconds(200))
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .reloadFailed)
        #expect(fixture.text("app/a.txt") == "one")
    }

    @Test func `Compose is run in the generation itself, with the files that it names`() throws {
        var target = try fixture.target()
        let script =
            "printf '%s\\n' \"$@\" > \(fixture.scratch.file("calls")); cat \"$6\" >> \(fixture.scratch.file("calls"))"
        target.completion = .compose(
            ChildProgram(["sh", "-c", script, "docker"]), project: "shop", files: ["compose.yaml"])
        try fixture.deliver(try fixture.tree(["compose.yaml": "services: {}\n", "key": "1"]), to: target)
        let generation = fixture.scratch.file(".app.generations/" + (fixture.generations.first ?? ""))
        #expect(
            fixture.text("calls")?.split(separator: "\n").map(String.init) == [
                "--project-name", "shop", "--project-directory", generation, "--file",
                generation + "/compose.yaml", "up", "--detach", "--remove-orphans", "services: {}",
            ])
    }

    @Test func `a target that must be in memory is refused elsewhere, before anything is written`() throws {
        let tree = try fixture.tree(["a.txt": "one"])
        let shared = Fixture(in: "/dev/shm")
        for (fixture, isInMemory) in [(fixture, false), (shared, true)] {
            var target = try fixture.target()
            target.memory = .required
            let refused = code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) }
            #expect(refused == (isInMemory ? nil : .targetRefused))
            #expect((unsafe access(fixture.app, F_OK) == 0) == isInMemory)
        }
        var target = try fixture.target()
        target.memory = .warned
        #expect(try target.preview(tree).notices.count == 1)
        #expect(try fixture.deliver(tree, to: target).notices.count == 1)
        #expect(try fixture.deliver(tree, to: target).notices == [])
    }

    @Test func `a parent directory that is ours to make is made, and a dry run makes none`() throws {
        var target = try FilesTarget(directory: Path(fixture.scratch.file("run/prod")))
        target.makesParent = true
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(try target.preview(tree).lines.first == "add a.txt")
        #expect(unsafe access(fixture.scratch.file("run"), F_OK) != 0)
        try fixture.deliver(tree, to: target)
        #expect(fixture.text("run/prod/a.txt") == "one")
    }
}
