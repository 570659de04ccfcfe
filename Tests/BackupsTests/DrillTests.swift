import Archives
import Backups
import Encodings
import Files
import Glibc
import Storage
import Support
import Testing

/// Restores on trial: what passes, what must not, and the controls that tell the two apart.
@Suite struct `Drills` {
    private struct Scene {
        let fixture: BackupFixture
        let book: CanaryBook

        init() async throws {
            fixture = try await BackupFixture()
            book = CanaryBook(directory: fixture.path("canaries"))
            fixture.sh(
                """
                mkdir -p live/sub; head -c 300000 /dev/urandom > live/big; echo small > live/sub/small; ln -s big live/link
                truncate -s 1M live/sparse; printf end >> live/sparse
                """)
            let repository = ScratchRepository(creating: fixture.scratch.file("source"))
            repository.write("a", "a\n")
            repository.commit("one")
        }

        func backUp(canary: Canary? = nil, drop: Bool = false) async throws {
            let canary = try canary ?? book.plant("prod", at: fixture.now())
            let documents: [BackupSource.Document] =
                drop ? [] : [.init(path: Array("canary".utf8), bytes: canary.document)]
            try await fixture.backUp([
                .directory(name: "live", path: fixture.path("live")),
                .command(
                    name: "dump",
                    CommandRun(arguments: ["seq", "1", "1000"], deadline: .seconds(100_000))),
                .repository(
                    name: "app", url: fixture.scratch.file("source"), mirror: fixture.path("mirror.git")),
                .documents(name: "keyring", documents + [.init(path: Array("rules".utf8), bytes: [1])]),
            ])
        }

        var objects: DirectoryStore {
            get throws { try DirectoryStore(Path(fixture.scratch.file("store"))) }
        }

        func drill(
            _ change: (inout Drill.Options) -> Void = { _ in }, control: (any ObjectStore)? = nil,
            later: Int64 = 0
        ) async throws -> DrillReport {
            var options = Drill.Options()
            options.maximumAge = .seconds(3_600)
            options.canaries = book
            change(&options)
            let now = Timestamp(nanoseconds: fixture.now().nanoseconds + later * 1_000_000_000)
            return try await Drill.run(
                try await fixture.plan(.latest), from: try await fixture.reader(),
                damaged: try control ?? DamagedPacks(objects),
                beneath: fixture.path("scratch"), as: BackupFixture.user, clock: { now }, options)
        }

        /// Changes some bytes of each pack.
        func damagePacks() {
            fixture.sh(
                """
                for pack in $(find store/packs -type f); do
                    chmod u+w "$pack"; size=$(stat -c %s "$pack")
                    for part in 1 2 3 4 5 6 7; do
                        printf '\\377\\001' | dd of="$pack" bs=1 seek=$((size * part / 9)) conv=notrunc status=none
                    done
                done
                """)
        }

        func command(_ script: String) -> CommandRun {
            CommandRun(
                arguments: ["/bin/sh", "-c", script], deadline: .seconds(100_000), minimumByteCount: 0)
        }
    }

    private func failed(_ report: DrillReport) -> [String] {
        report.checks.filter { $0.outcome == .failed }.map(\.name)
    }

    @Test func `a drill of what is sound passes, and sees what it damages itself`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        let report = try await scene.drill { options in
            options.probes = [
                .init("here", scene.command("test \"$(cat directories/live/sub/small)\" = small")),
                .init("named", scene.command("test \"$(pwd)\" = \"$STRONGROOM_DRILL\"")),
            ]
            options.feeds = ["dump": scene.command("test \"$(cat)\" = \"$(seq 1 1000)\"")]
            options.maximumTime = .seconds(100_000)
        }
        #expect(report.isPassed, "\(report.checks)")
        #expect(
            report.checks.map(\.name) == [
                "age", "restore", "feed dump", "time", "content", "canary", "repository app", "check here",
                "check named", "control of a damaged copy", "control of a damaged pack",
            ])
        #expect(report.checks.allSatisfy { $0.outcome == .passed })
        #expect(report.entryCount > 5 && report.recoveryTime > .zero)
        #expect(scene.fixture.sh("ls -A scratch").text == "", "nothing is left")
        #expect(report.json.contains("\"outcome\": \"passed\""))
        let annotation = try report.annotation()
        guard case .drill(true, let note) = annotation.remark else {
            Issue.record("not the remark of a drill that passed")
            return
        }
        #expect(note.hasPrefix("report ") && annotation.snapshot == report.record.id)
    }

    @Test func `files are compared however deep they lie`() async throws {
        let scene = try await Scene()
        // 6,000 bytes of path: more than one call takes.
        scene.fixture.sh(
            """
            cd live; python3 -c '
            import os
            for depth in range(30):
                os.mkdir("d" * 200); os.chdir("d" * 200); open("file", "w").write(str(depth))'
            """)
        defer { scene.fixture.sh("rm -rf live") }
        try await scene.backUp()
        let report = try await scene.drill()
        #expect(report.isPassed, "\(report.checks)")
        #expect(report.checks.first { $0.name == "content" }?.detail == "36 files compared")
        #expect(scene.fixture.sh("ls -A scratch").text == "")
    }

    @Test func `a drill whose controls see no damage has failed`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        let report = try await scene.drill(control: try scene.objects)
        #expect(failed(report) == ["control of a damaged pack"])
        #expect(!report.isPassed)
    }

    @Test func `age, commands and feeds that are not as they should be fail a drill`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        #expect(failed(try await scene.drill(later: 3_700)) == ["age"])
        #expect(failed(try await scene.drill(later: -1_000)) == ["age"], "a snapshot out of the future")
        let report = try await scene.drill { options in
            options.probes = [.init("app", scene.command("exit 3"))]
            options.feeds = ["dump": scene.command("exit 4")]
            options.looks = { _, record in [.init("look", .failed, "\(record.header.environment)")] }
            options.maximumTime = .zero
        }
        #expect(failed(report) == ["feed dump", "time", "look", "check app"])
        #expect(
            failed(try await scene.drill { $0.feeds["dump"] = scene.command("! grep -q 1000") }) == [
                "feed dump"
            ])
        for (script, words) in [
            ("true", "the command succeeded; it was not seen to read any of its 3893 bytes"),
            ("dd bs=1 count=5 status=none", "the command succeeded; it was seen to read 5 of its 3893 bytes"),
            ("cat", "the command succeeded"),
        ] {
            let fed = try await scene.drill { $0.feeds["dump"] = scene.command(script) }
            #expect(fed.checks.first { $0.name == "feed dump" }?.detail == words)
        }
        guard case .drill(false, let note) = try report.annotation().remark else {
            Issue.record("not the remark of a drill that failed")
            return
        }
        #expect(note.contains("failed: feed dump, time, look, check app"))
    }

    @Test func `a canary that is missing, strange or stale fails a drill`() async throws {
        let scene = try await Scene()
        let first = try scene.book.plant("prod", at: scene.fixture.now())
        #expect(try scene.book.plant("prod", at: scene.fixture.now()) == first, "fresh enough")
        try await scene.backUp(drop: true)
        #expect(failed(try await scene.drill()) == ["canary"])
        // One that another machine planted.
        let other = CanaryBook(directory: scene.fixture.path("elsewhere"))
        try await scene.backUp(canary: try other.plant("prod", at: scene.fixture.now()))
        #expect(failed(try await scene.drill()) == ["canary"])
        #expect(try await scene.drill { $0.canaries = other }.isPassed)
        // One of this machine's, planted long before the snapshot.
        let early = Timestamp(nanoseconds: scene.fixture.now().nanoseconds - 10_000 * 1_000_000_000)
        let old = CanaryBook(directory: scene.fixture.path("old"))
        try await scene.backUp(canary: try old.plant("prod", at: early))
        #expect(failed(try await scene.drill { $0.canaries = old }) == ["canary"])
        let renewed = try old.plant("prod", at: scene.fixture.now())
        #expect(old.planted("prod")?.map(\.token).last == renewed.token)
        #expect(old.planted("prod")?.count == 2 && old.planted("staging") == nil)
        try await scene.backUp()
        #expect(try await scene.drill().isPassed)
    }

    @Test func `what the store doesn't give back fails a drill`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        scene.damagePacks()
        let report = try await scene.drill()
        #expect(!report.isPassed && failed(report).contains("restore"), "\(report.checks)")
        #expect(scene.fixture.sh("ls -A scratch").text == "")
    }

    @Test func `packs that are gone fail a drill, which names what they held and goes on`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        scene.fixture.sh("find store/packs -type f > packs; head -c 400000 /dev/urandom > live/added")
        try await scene.backUp()
        // The packs of the first snapshot: a file of it is what the controls would take first.
        scene.fixture.sh("xargs rm -f < packs")
        let report = try await scene.drill { $0.probes = [.init("kept", scene.command("exit 0"))] }
        let restore = try #require(report.checks.first { $0.name == "restore" })
        #expect(restore.outcome == .failed && restore.detail.contains("live/big"), "\(report.checks)")
        #expect(!failed(report).contains("drill") && !failed(report).contains("check kept"))
        #expect(scene.fixture.sh("ls -A scratch").text == "")
        // Nothing at all is left.
        scene.fixture.sh("find store/packs -type f -delete")
        let empty = try await scene.drill()
        #expect(failed(empty).contains("restore"), "\(empty.checks)")
        guard case .drill(false, _) = try empty.annotation().remark else {
            Issue.record("not the remark of a drill that failed")
            return
        }
    }

    @Test func `index objects that are damaged or gone cost a drill nothing, nor its controls`() async throws
    {
        let scene = try await Scene()
        try await scene.backUp()
        scene.fixture.sh(
            """
            for object in $(find store/index -type f); do
                chmod u+w "$object"; printf '\\377\\001' | dd of="$object" bs=1 seek=100 conv=notrunc status=none
            done
            """)
        #expect(try await scene.drill().isPassed)
        #expect(failed(try await scene.drill(control: try scene.objects)) == ["control of a damaged pack"])
        scene.fixture.sh("find store/index -type f -delete")
        let report = try await scene.drill()
        #expect(report.isPassed)
        #expect(report.notices.contains { $0.contains("store rebuild-index") }, "\(report.notices)")
        #expect(report.json.contains("store rebuild-index"))
    }

    @Test func `a newer snapshot that is not complete is passed over, and named`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        #expect(try await scene.drill().notices == [])
        let partial = try await scene.fixture.backUp([
            .directory(name: "live", path: scene.fixture.path("live")),
            .directory(name: "gone", path: scene.fixture.path("gone")),
        ])
        let report = try await scene.drill()
        #expect(report.isPassed && report.record.id != partial.id)
        #expect(report.notices == ["passed over: \(partial.id), newer and partial"])
        #expect(report.json.contains("newer and partial"))
    }

    @Test func `the chain of a repository that is found broken ends there, and the next capture begins anew`()
        async throws
    {
        let scene = try await Scene()
        let fixture = scene.fixture
        let memory = CaptureMemory(directory: fixture.path("captures"))
        func backUp() async throws -> String {
            let repository = BackupSource.repository(
                name: "app", url: fixture.scratch.file("source"), mirror: fixture.path("mirror.git"))
            try await fixture.backUp([repository], memory: memory)
            let snapshot = try await fixture.reader().open(try await fixture.plan(.latest).record)
            let facts = snapshot.sources[0].facts
            return String(decoding: facts.first { $0.name == "increments" }?.value ?? [], as: UTF8.self)
        }
        func drill() async throws -> DrillReport {
            try await scene.drill { ($0.canaries, $0.captures) = (nil, memory) }
        }
        let source = ScratchRepository(at: fixture.scratch.file("source"))
        var increments = [try await backUp()]
        source.write("b", "b\n")
        source.commit("two")
        increments.append(try await backUp())
        #expect(try await drill().isPassed)
        #expect(fixture.sh("ls captures | grep -c repository").text == "1", "a sound one is kept")
        scene.damagePacks()
        let report = try await drill()
        let check = try #require(report.checks.first { $0.name == "repository app" })
        #expect(
            check.outcome == .failed && check.detail.hasSuffix("the next capture begins a new chain"),
            "\(report.checks)")
        source.write("c", "c\n")
        source.commit("three")
        increments.append(try await backUp())
        #expect(increments == ["1", "2", "1"])
        #expect(try await drill().isPassed)
    }

    @Test func `a scratch place that fails fails a drill in its report`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        scene.fixture.sh("echo no directory > scratch")
        let report = try await scene.drill()
        #expect(failed(report) == ["drill"] && report.checks.last?.detail.contains("scratch") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root, to mount"))
    func `a scratch place that can't be removed fails a drill in its report`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        // What is mounted is not removed with the rest.
        let left = try await scene.drill {
            $0.probes = [.init("mounts", scene.command("mkdir m && mount -t tmpfs none m"))]
        }
        let place = scene.fixture.sh("ls -d scratch/drill-*/restored/m || true").text
        try #require(!place.isEmpty, "\(left.checks)")
        scene.fixture.sh("umount '\(place)'")
        #expect(failed(left) == ["scratch"])
        #expect(left.checks.last?.detail.contains("removed by hand") == true)
    }

    @Test func `a drill that was killed leaves nothing that the next one doesn't remove`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        let (stale, held) = ("drill-00112233445566ff", "drill-aabbccddeeff0011")
        scene.fixture.sh(
            "for d in \(stale) \(held) drill-notes; do mkdir -p scratch/$d/restored; echo s > scratch/$d/restored/secret; done"
        )
        let report: DrillReport
        do {
            let lock = try FileLock(Path("\(held).lock"), in: Directory(scene.fixture.path("scratch")))
            report = try await scene.drill()
            _ = consume lock
        }
        #expect(report.isPassed, "\(report.checks)")
        let told = report.checks.filter { $0.name == "scratch" }
        #expect(told.count == 1 && told[0].detail.contains(stale), "\(told)")
        let names = scene.fixture.sh("ls -A scratch").text.split(separator: "\n").map(String.init)
        #expect(names == [held, "\(held).lock", "drill-notes"])
        // Nobody holds it any more.
        #expect(try await scene.drill().checks.contains { $0.detail.contains(held) })
        #expect(scene.fixture.sh("ls -A scratch").text == "drill-notes")
    }

    @Test func `a snapshot that can't be read fails the drill of an older one, by its name`() async throws {
        let scene = try await Scene()
        try await scene.backUp()
        try await scene.backUp()
        let newest = try await scene.fixture.plan(.latest).record.id
        scene.fixture.sh(
            "chmod u+w store/snapshots/\(newest); printf x | dd of=store/snapshots/\(newest) bs=1 seek=200 conv=notrunc status=none"
        )
        let report = try await scene.drill()
        #expect(report.record.id != newest)
        #expect(failed(report) == ["snapshots"])
        #expect(report.checks.first?.detail.contains("\(newest)") == true, "\(report.checks)")
    }

    @Test func `sources with any bytes in their names are drilled`() async throws {
        let scene = try await Scene()
        let fixture = scene.fixture
        try await fixture.backUp([
            .directory(name: "x\ny\\z", path: fixture.path("live")),
            .command(
                name: "d\tump",
                CommandRun(arguments: ["seq", "1", "1000"], deadline: .seconds(100_000))),
            .repository(
                name: "a\u{1}pp", url: fixture.scratch.file("source"), mirror: fixture.path("mirror.git")),
        ])
        let report = try await scene.drill { options in
            options.canaries = nil
            options.feeds = ["d\tump": scene.command("test \"$(cat)\" = \"$(seq 1 1000)\"")]
        }
        #expect(report.isPassed, "\(report.checks)")
        #expect(report.checks.filter { $0.outcome == .passed }.count == 7, "\(report.checks)")
    }

    @Test func `a snapshot that is not complete fails a drill`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; echo x > live/x")
        try await fixture.backUp([
            .directory(name: "live", path: fixture.path("live")),
            .directory(name: "gone", path: fixture.path("gone")),
        ])
        let objects = try DirectoryStore(Path(fixture.scratch.file("store")))
        let now = fixture.now()
        let report = try await Drill.run(
            try await fixture.plan(.latest), from: try await fixture.reader(), damaged: DamagedPacks(objects),
            beneath: fixture.path("scratch"), as: BackupFixture.user, clock: { now })
        #expect(failed(report) == ["restore"])
    }
}
