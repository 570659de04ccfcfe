import Support
import Testing

/// Forgetting and pruning by the real program.
@Suite struct PruneVerbTests {
    /// A world with two backups whose data differ.
    private struct Scene {
        let world = World()
        let first: String
        let second: String

        init() throws {
            world.makeStore()
            world.writeUploads()
            expect(world.sync(), 0)
            var generator = SystemRandomNumberGenerator()
            world.write("host/uploads/big", (0..<9_000).map { _ in "\(generator.next())" }.joined())
            first = world.backup()
            world.write("host/uploads/big", (0..<9_000).map { _ in "\(generator.next())" }.joined())
            second = world.backup()
        }

        func snapshots(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(["snapshots"] + arguments + ["--store", world.path("store")], identity: "host")
        }

        func prune(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(["store", "prune", world.path("store")] + arguments, identity: "host")
        }

        func expectRestores(_ comment: String, sourceLocation: SourceLocation = #_sourceLocation) {
            TemporaryDirectory.removeTree(world.path("restored"))
            let outcome = world.run(
                "restore", "--store", world.path("store"), "--snapshot", second, "--into",
                world.path("restored"), identity: "alice")
            #expect(outcome.status == 0, "\(comment): \(outcome.errorText)", sourceLocation: sourceLocation)
            #expect(
                world.bytes("restored/directories/uploads/big") == world.bytes("host/uploads/big"),
                "\(comment)", sourceLocation: sourceLocation)
        }

        func expectSound(_ comment: String, sourceLocation: SourceLocation = #_sourceLocation) {
            let check = world.run(
                "store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
            #expect(
                check.status == 0, "\(comment): \(check.text) \(check.errorText)",
                sourceLocation: sourceLocation)
            expectRestores(comment, sourceLocation: sourceLocation)
        }

        var byteCount: Int {
            Int(ShellCommand.run("du", ["-sb", world.path("store/packs")]).text.split(separator: "\t")[0])
                ?? 0
        }
    }

    @Test func `a snapshot that was forgotten is not what the status names as the newest`() throws {
        let (scene, newest) = (try Scene(), "e['lastSnapshot']['id']")
        let world = scene.world
        #expect(world.status(newest) == "\"\(scene.second)\"")
        expect(
            world.run(
                "snapshots", "forget", scene.second, "--environment", "prod", "--config", world.settings), 0)
        #expect(world.status(newest) == "\"\(scene.first)\"")
    }

    @Test func `a snapshot is pinned, tagged, forgotten, and what it alone needed is removed`() throws {
        let scene = try Scene()
        let short = String(scene.first.prefix(12))
        expect(scene.snapshots("pin", short, "--reason", "audit"), 0)
        expect(scene.snapshots("tag", short, "release", "old"), 0)
        let tags = scene.snapshots("tag", short, "old", "--remove", "--json")
        #expect(tags.text.contains("\"release\"") && !tags.text.contains("\"old\""), "\(tags.text)")
        let pinned = scene.snapshots("forget", short)
        #expect(pinned.status == 5, "\(pinned.errorText)")
        expect(scene.snapshots("unpin", short), 0)
        let plan = scene.snapshots("forget", short, "--dry-run")
        #expect(plan.status == 0 && plan.text == scene.first)
        expect(scene.snapshots("forget", short), 0)
        #expect(scene.snapshots("forget", short).status == 2)
        let before = scene.byteCount
        // With the grace, nothing is removed yet.
        let marked = scene.prune()
        #expect(
            marked.status == 0 && marked.text.contains("waiting: the grace ends"),
            "\(marked.text) \(marked.errorText)")
        #expect(scene.byteCount >= before)
        scene.expectSound("marked")
        let dry = scene.prune("--grace", "0s", "--dry-run", "--json")
        #expect(dry.status == 0 && dry.text.contains("\"dryRun\" : true"), "\(dry.text) \(dry.errorText)")
        let swept = scene.prune("--grace", "0s")
        #expect(swept.status == 0 && swept.text.contains("removed"), "\(swept.text) \(swept.errorText)")
        #expect(scene.byteCount < before - 60_000)
        scene.expectSound("swept")
        let again = scene.prune("--grace", "0s")
        #expect(again.text == "nothing to prune", "\(again.text) \(again.errorText)")
        // Writers go on.
        let next = scene.world.run("backup", "prod", "--config", scene.world.settings)
        #expect(next.status == 0, "\(next.errorText)")
        scene.expectSound("after the next backup")
        #expect(scene.prune("--grace", "1y").status == 2)
    }

    @Test func `D10: a newest snapshot that is gone is refused until that is acknowledged`() throws {
        let scene = try Scene()
        let world = scene.world
        expect(scene.snapshots("list"), 0)
        let removed = ShellCommand.run("rm", [world.path("store/snapshots/\(scene.second)")])
        #expect(removed.status == 0)
        let refused = scene.snapshots("list")
        expect(refused, 5, "was seen and is gone")
        #expect(refused.errorText.contains("--acknowledge-rollback"))
        // However the place is spelled.
        expect(
            world.run("snapshots", "list", "--store", world.path("./store/"), identity: "host"), 5, "was seen"
        )
        expect(scene.prune("--grace", "0s"), 5, "was seen and is gone")
        let list = scene.snapshots("list", "--acknowledge-rollback")
        #expect(
            list.status == 0 && list.text.contains(scene.first.prefix(12)), "\(list.text) \(list.errorText)")
        expect(scene.snapshots("list"), 0)
        let next = world.run("backup", "prod", "--config", world.settings, "--acknowledge-rollback")
        #expect(next.status == 0, "\(next.errorText)")
        expect(world.run("backup", "prod", "--config", world.settings), 0)
    }

    @Test func `D10: a pin that is gone is refused where it counts until that is acknowledged`() throws {
        let scene = try Scene()
        expect(scene.snapshots("pin", scene.first), 0)
        let removed = ShellCommand.run("sh", ["-c", "rm \"$0\"/*", scene.world.path("store/annotations")])
        #expect(removed.status == 0)
        for arguments in [["--dry-run"], ["--grace", "0s"]] {
            let refused = scene.world.run(
                ["store", "prune", scene.world.path("store")] + arguments, identity: "host")
            expect(refused, 5, "may be a pin of snapshot \(scene.first)")
            #expect(refused.errorText.contains("--acknowledge-rollback"))
        }
        expect(scene.snapshots("list", "--acknowledge-rollback"), 0)
        expect(scene.prune(), 0)
    }

    @Test func `a newest snapshot that is damaged is told as damaged, and the older one restores`() throws {
        let scene = try Scene()
        let world = scene.world
        expect(scene.snapshots("list"), 0)
        let object = world.path("store/snapshots/\(scene.second)")
        let damage = ShellCommand.run(
            "sh", ["-c", "printf x | dd of=\(object) bs=1 seek=200 conv=notrunc status=none"])
        #expect(damage.status == 0)
        let list = scene.snapshots("list")
        #expect(list.status == 0 && list.errorText.contains(scene.second), "\(list.errorText)")
        expect(world.run("store", "check", "--store", world.path("store"), identity: "alice"), 9)
        expect(scene.prune("--grace", "0s"), 9)
        expect(
            world.run(
                "restore", "--store", world.path("store"), "--snapshot", scene.first, "--into",
                world.path("first"), identity: "alice"), 0)
    }

    @Test func `an index object of any length that nobody wrote is told, and takes no memory`() throws {
        let scene = try Scene()
        let world = scene.world
        let name = String(repeating: "a", count: 64)
        let made = ShellCommand.run("truncate", ["-s", "200G", world.path("store/index/\(name)")])
        try #require(made.status == 0, "\(made.errorText)")
        expect(scene.snapshots("list"), 0)
        scene.expectRestores("beside a huge object")
        expect(world.run("store", "check", "--store", world.path("store"), identity: "alice"), 9)
    }

    @Test func `a pack that is damaged is left by prune, which says so`() throws {
        let scene = try Scene()
        let world = scene.world
        expect(scene.snapshots("forget", String(scene.first.prefix(12))), 0)
        let damage = ShellCommand.run(
            "sh",
            [
                "-c",
                "for f in $(find \(world.path("store/packs")) -type f); do "
                    + "printf xxxx | dd of=$f bs=1 seek=100 conv=notrunc status=none; done",
            ])
        #expect(damage.status == 0)
        let count = ShellCommand.run("find", [world.path("store/packs"), "-type", "f"]).text
        expect(scene.prune("--grace", "0s", "--max-unused", "0%"), 9)
        // What nothing is used of goes, by its header; what is used stays.
        let left = ShellCommand.run("find", [world.path("store/packs"), "-type", "f"]).text
        #expect(Set(left.split(separator: "\n")).isSubset(of: count.split(separator: "\n")))
        expect(
            world.run("store", "check", "--read-data", "--store", world.path("store"), identity: "alice"), 9)
    }

    @Test func `what a damaged pack held is uploaded again, and the pack is pruned`() throws {
        let scene = try Scene()
        let world = scene.world
        let damage = ShellCommand.run(
            "sh",
            [
                "-c",
                "for f in $(find \(world.path("store/packs")) -type f); do "
                    + "printf xxxx | dd of=$f bs=1 seek=100 conv=notrunc status=none; done",
            ])
        #expect(damage.status == 0)
        func check(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(
                ["store", "check", "--read-data", "--store", world.path("store")] + arguments,
                identity: "alice")
        }
        let dry = check("--dry-run")
        #expect(dry.status == 9 && dry.text.contains("lost: \(scene.second): uploads: "), "\(dry.text)")
        #expect(ShellCommand.run("find", [world.path("store/tombstones"), "-type", "f"]).text.isEmpty)
        // The reader is no agent here: the one that backs up says it to itself.
        #expect(check().errorText.contains("--identity of an agent"))
        let found = world.run(
            ["store", "check", "--read-data", world.path("store")], identity: "host")
        #expect(found.status == 9 && found.errorText.contains("hint: the next backup uploads again"))
        _ = world.backup()
        scene.expectRestores("healed")
        // The older one's own data is nowhere else: its pack stays.
        expect(check("--json"), 9)
        expect(scene.prune("--grace", "0s"), 9)
        expect(scene.snapshots("forget", String(scene.first.prefix(12))), 0)
        expect(scene.prune("--grace", "0s"), 0)
        scene.expectSound("pruned")
        #expect(check("--json").text.contains("\"clean\" : true"))
    }

    @Test func `an archive without room is told as that`() throws {
        let scene = try Scene()
        let world = scene.world
        let full = ShellCommand.run(
            "sh",
            [
                "-c",
                "exec '\(World.program)' snapshots export latest --store '\(world.path("store"))' --identity "
                    + "'\(world.path("alice.identity"))' > /dev/full",
            ], environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")])
        expect(full, 7, "standard output")
    }

    @Test func `by rule nothing goes that is young, and the rules are those of the settings`() throws {
        let scene = try Scene()
        func forget(_ options: String...) -> ShellCommand.Outcome {
            scene.world.run(
                [
                    "snapshots", "forget", "--by-rule", "--environment", "prod", "--config",
                    scene.world.settings,
                ]
                    + options)
        }
        #expect(forget().status == 2)
        scene.world.edit(
            "host/strongroom.yaml", "store: main\n", "store: main\n      retention: { last: 1 }\n")
        let outcome = forget()
        #expect(outcome.status == 0 && outcome.text.isEmpty, "\(outcome.text) \(outcome.errorText)")
        scene.expectSound("nothing forgotten")
    }

    @Test func `F092: prune killed at any call of its run, twice in a row, harms nothing`() throws {
        let scene = try Scene()
        let world = scene.world
        expect(scene.snapshots("forget", String(scene.first.prefix(12))), 0)
        for place in ["store", "home"] { World.copy(world.path(place), to: world.path("\(place)-before")) }
        let points = world.points(
            "store", "prune", world.path("store"), "--grace", "0s", identity: "host")
        let total = points.run(.none).callCount
        #expect(total > 20)
        let numbers = CrashPoints.spread(80, over: total)
        for (index, number) in numbers.enumerated() {
            for place in ["store", "home"] {
                World.replace(world.path(place), with: world.path("\(place)-before"))
            }
            let first = points.run(.killAfter(number))
            _ = points.run(.killAfter(numbers[(index * 3 + 1) % numbers.count]))
            let call = "killed after \(first.calls.last ?? "")"
            scene.expectSound(call)
            // The leases of the killed ones hold nobody up.
            let next = scene.prune("--grace", "0s")
            #expect(next.status == 0, "\(call): \(next.errorText)")
            scene.expectSound("\(call), then ended")
            #expect(scene.prune("--grace", "0s").text == "nothing to prune", "\(call)")
            #expect(leftovers(below: world.path("store")) == [], "\(call)")
        }
    }
}
