import Support
import Testing

/// The format is frozen (Archives/FORMAT.md §17): stores that an earlier program made are read, worked in and recovered.
/// A failure here means that stores in use can't be read any more.
@Suite struct FrozenStoreTests {
    private func arguments(_ world: World, _ verb: String...) -> [String] {
        verb + ["--store", world.path("store")]
    }

    /// The snapshots are what is written down: exported, and restored.
    private func compare(_ snapshots: [String], of store: FrozenStore, _ world: World) {
        for id in snapshots {
            let (archive, place) = (world.path("\(id).tar"), world.path("out-\(id)"))
            let exported = world.run(
                arguments(world, "snapshots", "export", id, "--output", archive), identity: "alice")
            let isPartial = exported.errorText.contains("the snapshot is partial")
            #expect(exported.status == (isPartial ? 10 : 0), "\(id): \(exported.errorText)")
            #expect(isPartial == (id == FrozenStore.partial), "\(id): \(exported.errorText)")
            let outcome = world.run(
                arguments(world, "restore", "--snapshot", id, "--into", place), identity: "alice")
            let status = HardCases.run(
                "import sys; print(open(sys.argv[1]).read().split()[-1].rstrip(')'))",
                [store.expectation(of: id)])
            #expect("\(outcome.status)" == status, "\(id): \(outcome.errorText)")
            let told = HardCases.run(FrozenListing.compare, [store.expectation(of: id), archive, place])
            #expect(told.hasSuffix("entries are as they were"), "\(id): \(told)")
        }
    }

    @Test(arguments: FrozenStore.all)
    func `a frozen store is read whole, and each snapshot is what it was`(_ store: FrozenStore) {
        let world = store.world()
        let check = world.run(arguments(world, "store", "check", "--read-data"), identity: "alice")
        #expect(check.status == store.checkStatus, "\(check.text) \(check.errorText)")
        let listed = world.run(arguments(world, "snapshots", "list", "--json"), identity: "alice")
        let ids = listed.text.split(separator: "\n").filter { $0.hasPrefix("    \"id\"") }
            .map { String($0.split(separator: "\"")[3]) }
        #expect(ids.sorted() == store.snapshots, "\(listed.errorText)")
        compare(store.snapshots, of: store, world)
    }

    @Test(
        .enabled(if: Recovery.isExpected, "Scripts/recover.py needs its Python (Scripts/packages test)"),
        arguments: FrozenStore.all)
    func `a frozen store is recovered by the format's text alone`(_ store: FrozenStore) {
        let world = store.world()
        let recovery = Recovery(world)
        #expect(recovery.run(["--check"]).status == store.checkStatus)
        for id in store.snapshots {
            let place = world.path("out-\(id)")
            let outcome = recovery.run([id, "--into", place])
            #expect([0, 10].contains(outcome.status), "\(id): \(outcome.errorText)")
            let told = HardCases.run(FrozenListing.compare, [store.expectation(of: id), "", place])
            #expect(told.hasSuffix("entries are as they were"), "\(id): \(told)")
        }
    }

    @Test(arguments: FrozenStore.all)
    func `work goes on in a frozen store: a backup, what it shares, pruning`(_ store: FrozenStore) {
        let world = store.world()
        let newest = world.must("snapshots", "list", "--store", world.path("store"), identity: "alice")
        #expect(newest != "")
        world.must(
            "restore", "--store", world.path("store"), "--snapshot", store.upload, "--into",
            world.path("first"), identity: "alice")
        let sources = arguments(world, "backup", world.path("first/directories/uploads"))
        let first = world.run(sources, identity: "host")
        expect(first, 0)
        expect(world.run(sources, identity: "host"), 0)
        expect(
            world.run(arguments(world, "store", "prune", "--grace", "0s"), identity: "host"), 0)
        expect(world.run(arguments(world, "store", "check", "--read-data"), identity: "alice"), 0)
        compare([store.upload], of: store, world)
        expect(
            world.run(
                arguments(world, "restore", "--snapshot", first.text, "--into", world.path("new")),
                identity: "alice"), 0)
        #expect(
            world.text("new/directories/uploads/readme") == world.text("first/directories/uploads/readme"))
    }

    @Test func `what was said in a frozen store still counts: pins, tags, drills, a revoked agent`() {
        let store = FrozenStore(name: "everyday")
        let world = store.world()
        let remarks = store.snapshots.map { id in
            world.must(
                "snapshots", "tag", id, "--json", "--store", world.path("store"), identity: "host")
        }
        #expect(remarks.filter { $0.contains("\"pinned\" : true") }.count == 1, "\(remarks)")
        #expect(remarks.filter { $0.contains("kept for the audit") }.count == 1)
        #expect(remarks.filter { $0.contains("\"monthly\"") }.count == 1)
        world.edit(
            "host/strongroom.yaml", "      beforeChange: never\n",
            "      beforeChange: never\n      retention: { last: 1, minimumAge: 1s }\n")
        let rules = world.run(
            "snapshots", "forget", "--by-rule", "--dry-run", "--environment", "prod", "--config",
            world.settings)
        expect(rules, 0, "keep: the last that passed a drill")
        let keys = world.must("store", "keys", "list", "--store", world.path("store"))
        for text in ["generation  5", "read keys   2", "write keys  2", "revoked     mallory", ": 1 of its"] {
            #expect(keys.contains(text), "\(text): \(keys)")
        }
        let refused = world.run(
            arguments(world, "backup", world.path("config")), identity: "agent")
        #expect(refused.status != 0)
    }

    @Test(arguments: ["snapshots", "annotations", "tombstones", "index"])
    func `an object of a later version is told as one, nothing is removed, and everything else is read`(
        _ place: String
    ) {
        let store = FrozenStore(name: "everyday")
        let world = store.world()
        let script = #"""
            import hashlib, os, sys
            names = sorted(os.listdir(sys.argv[1]))
            with open(sys.argv[1] + "/" + names[0], "rb") as file:
                data = bytearray(file.read())
            data[6] = 2
            name = hashlib.blake2b(data, digest_size=32).hexdigest()
            with open(sys.argv[1] + "/" + name, "wb") as file:
                file.write(data)
            print(name)
            """#
        let name = HardCases.run(script, [world.path("store/\(place)")])
        let listed = world.run(arguments(world, "snapshots", "list"), identity: "alice")
        #expect(listed.status == 0 && store.snapshots.allSatisfy { listed.text.contains($0.prefix(12)) })
        if place == "snapshots" { #expect(listed.errorText.contains("\(name): format version 2")) }
        let restored = world.run(
            arguments(world, "restore", "--snapshot", store.upload, "--into", world.path("out")),
            identity: "alice")
        #expect(restored.status == 0, "\(restored.errorText)")
        // An annotation says nothing of what is needed, but it may pin.
        let pruned = world.run(arguments(world, "store", "prune", "--grace", "0s"), identity: "host")
        #expect(pruned.status == (place == "annotations" ? 0 : 9), "\(pruned.errorText)")
        world.edit(
            "host/strongroom.yaml", "      beforeChange: never\n",
            "      beforeChange: never\n      retention: { last: 1, minimumAge: 1s }\n")
        let forgotten = world.run(
            "snapshots", "forget", "--by-rule", "--environment", "prod", "--config", world.settings)
        #expect((forgotten.status == 0) == (place == "index"), "\(forgotten.errorText)")
        let checked = world.run(arguments(world, "store", "check"), identity: "alice")
        #expect(checked.status == 9 && checked.text.contains("\(name): format version 2"), "\(checked.text)")
        #expect(world.bytes("store/\(place)/\(name)") != nil)
    }
}
