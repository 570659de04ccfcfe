import Support
import Testing

/// Snapshots that do not hold everything: what is taken for the latest, what is said of them, and how the status tells.
@Suite struct IncompleteSnapshotTests {
    private let world = World()
    private let first: String
    private let partial: String

    /// A complete snapshot, and after it one that has nothing of the orders.
    init() {
        world.makeStore()
        world.writeUploads()
        expect(world.sync(), 0)
        first = world.backup()
        let orders = world.path("host/orders.sql")
        #expect(ShellCommand.run("mv", [orders, orders + ".away"]).status == 0)
        let outcome = world.run("backup", "prod", "--config", world.settings)
        expect(outcome, 10)
        partial = outcome.text
    }

    private func run(_ arguments: String...) -> ShellCommand.Outcome {
        world.run(arguments + ["--store", world.path("store")], identity: "alice")
    }

    @Test func `the latest is the newest complete one for every verb, which says what it passes over`() {
        let passed = "passed over: \(partial), newer and partial"
        let shown = run("snapshots", "show", "latest")
        expect(shown, 0, passed)
        #expect(shown.text.contains(first))
        let dump = run("snapshots", "cat", "latest", "orders")
        expect(dump, 0, passed)
        #expect(dump.stdout == world.bytes("host/orders.sql.away"))
        let archive = run("snapshots", "export", "latest")
        expect(archive, 0, passed)
        #expect(archive.stdout == run("snapshots", "export", first).stdout)
        let difference = run("snapshots", "diff", partial, "latest")
        expect(difference, 0, passed)
        #expect(difference.text.contains("+ orders"))
        expect(
            world.run("snapshots", "pin", "latest", "--store", world.path("store"), identity: "host"), 0,
            passed)
        #expect(run("snapshots", "show", first).text.contains("pinned      yes"))
    }

    @Test func `what is exported of a partial snapshot is written, told of, and ends with 10`() {
        let whole = run("snapshots", "export", partial, "--output", world.path("all.tar"))
        expect(whole, 10, "the snapshot is partial")
        #expect(whole.errorText.contains("orders: not whole in the snapshot: failed"))
        #expect(world.bytes("all.tar") != nil)
        expect(run("snapshots", "export", partial, "uploads", "--output", world.path("one.tar")), 0)
    }

    @Test func `a restore of what was not captured says so of each source, and ends with 10`() {
        let outcome = run("restore", "--snapshot", partial, "--into", world.path("out"))
        expect(outcome, 10, "not all is restored")
        #expect(outcome.errorText.contains("strongroom: orders: nothing was captured of it: it failed"))
        #expect(!outcome.text.contains("orders"))
        #expect(outcome.text.contains("restored directory uploads"))
        #expect(world.text("out/REPORT.json").contains("\"missing\""))
        expect(run("restore", "--snapshot", partial, "--source", "uploads", "--into", world.path("one")), 0)
        expect(run("restore", "--snapshot", partial, "--only", "readme", "--into", world.path("two")), 0)

        let uploads = world.path("host/uploads")
        let failed = world.run(
            "backup", uploads, "--before", "uploads=exit 3", "--store", world.path("store"), identity: "host")
        expect(failed, 10, "the snapshot is failed")
        let nothing = run("restore", "--snapshot", failed.text, "--into", world.path("none"))
        expect(nothing, 10, "not all is restored")
        #expect(nothing.errorText.contains("strongroom: uploads: nothing was captured of it"))
        #expect(nothing.text == "")
    }

    @Test func `the status tells of a backup by hand that was not whole, until one is`() {
        #expect(world.status("e['state']") == "\"unsaved\"")
        #expect(world.status("e['whyNot']") == "\"backup: the snapshot is partial\"")
        let orders = world.path("host/orders.sql")
        #expect(ShellCommand.run("mv", [orders + ".away", orders]).status == 0)
        _ = world.backup()
        #expect(world.status("e['state']") == "\"ok\"")
        // Also where the store could not be opened.
        #expect(ShellCommand.run("mv", [world.path("store"), world.path("store.away")]).status == 0)
        #expect(world.run("backup", "prod", "--config", world.settings).status == 2)
        #expect(world.status("[e['state'], e['lastBackup']['outcome']]") == "[\"unsaved\", \"failed\"]")
        #expect(ShellCommand.run("mv", [world.path("store.away"), world.path("store")]).status == 0)
        _ = world.backup()
        #expect(world.status("e['state']") == "\"ok\"")
    }

    @Test(.enabled(if: Recovery.isExpected, "Scripts/recover.py needs its Python (Scripts/packages test)"))
    func `recovery without the program means the same by latest`() {
        let outcome = Recovery(world).run(["latest", "--source", "orders", "--into", world.path("out")])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(outcome.errorText.contains("passed over: \(partial), newer and partial"))
        #expect(world.bytes("out/commands/orders") == world.bytes("host/orders.sql.away"))
    }
}
