import Archives
import Backups
import Files
import Support
import Testing

/// What is left of a snapshot when packs are damaged: everything that doesn't need them, and the names of what does.
@Suite struct DamagedStoreTests {
    /// A store with two snapshots: of `live` as `first` made it, and with what `second` added. Then the packs of the first
    /// one hold zeros.
    private func damaged(_ first: String, _ second: String) async throws -> BackupFixture {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; cd live; \(first)")
        let source = BackupSource.directory(name: "live", path: fixture.path("live"))
        try await fixture.backUp([source])
        fixture.sh("find store/packs -type f > packs; cd live; \(second)")
        try await fixture.backUp([source])
        fixture.sh(
            """
            while read -r pack; do
              chmod u+w "$pack"; size=$(stat -c %s "$pack"); head -c "$size" /dev/zero > "$pack.new"; cat "$pack.new" > "$pack"; rm "$pack.new"
            done < packs; rm packs
            """)
        return fixture
    }

    /// The paths that are damaged in the report.
    private func lost(_ report: RestoreReport) -> [String] {
        report.sources.flatMap(\.issues).filter { $0.kind == .damaged }
            .map { String(decoding: $0.path, as: UTF8.self) }
    }

    @Test func `a restore goes on beside damaged contents, leaves them out and names them`() async throws {
        let fixture = try await damaged(
            "head -c 400000 /dev/urandom > lost; head -c 30000000 /dev/urandom > long; ln lost other",
            "mkdir kept; head -c 400000 /dev/urandom > kept/file; head -c 9000000 /dev/urandom > big; printf x > small"
        )
        let report = try await fixture.restore(into: "back")
        #expect(report.isDamaged)
        #expect(report.isWhole)
        #expect(lost(report) == ["long", "lost", "other"])
        fixture.sh(
            """
            test "$(ls back/directories/live | tr '\\n' ' ')" = 'big kept small '
            cmp live/big back/directories/live/big; cmp live/kept/file back/directories/live/kept/file
            cmp live/small back/directories/live/small; grep -q '"kind": "damaged"' back/REPORT.json
            grep -q '"path": "long"' back/REPORT.json
            """)
        #expect(fixture.names() == ["back", "live"])
    }

    @Test func `a damaged list of entries costs the entries that it names, and no others`() async throws {
        let fixture = try await damaged(
            "mkdir a b; for n in $(seq 3000); do : > a/file-of-the-first-backup-$n; done",
            "head -c 20000 /dev/urandom > b/kept; for n in $(seq 50); do printf $n > b/more-$n; done")
        let report = try await fixture.restore(into: "back")
        #expect(report.isDamaged)
        let issues = report.sources[0].issues.filter { $0.kind == .damaged }
        #expect(!issues.isEmpty)
        #expect(issues.allSatisfy { $0.reason.contains("can't be read") })
        let count = fixture.sh("find back/directories/live/a -type f | wc -l").text
        #expect((Int(count.filter(\.isNumber)) ?? 3000) < 3000)
        fixture.sh("diff -r live/b back/directories/live/b")
    }

    @Test func `a directory whose own entry is lost is made for what is left in it`() async throws {
        let fixture = try await damaged(
            "mkdir -p a/deep; for n in $(seq 3000); do : > a/deep/file-of-the-first-backup-$n; done",
            "for n in $(seq 3000); do printf $n > a/deep/zz-$n; done")
        let report = try await fixture.restore(into: "back")
        #expect(report.isDamaged)
        fixture.sh("test $(ls back/directories/live/a/deep | wc -l) -ge 1000")
    }

    @Test func `an archive leaves damaged files out, names them, and is a whole archive`() async throws {
        let fixture = try await damaged(
            "head -c 400000 /dev/urandom > lost; ln lost other",
            "head -c 400000 /dev/urandom > kept; head -c 9000000 /dev/urandom > zlong")
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        let file = try Directory(fixture.path("")).createFile("archive.tar")
        var offset: Int64 = 0
        let report = try await SnapshotExport.run(snapshot, reader, source: "live") { bytes in
            try file.write(bytes, at: offset)
            offset += Int64(bytes.byteCount)
        }
        #expect(
            report.issues.map { String(decoding: $0.issue.path, as: UTF8.self) } == ["lost", "other"])
        #expect(report.issues.allSatisfy { $0.issue.kind == .damaged })
        fixture.sh(
            """
            mkdir out; tar -xf archive.tar -C out; cmp live/kept out/kept; cmp live/zlong out/zlong
            test "$(ls out | tr '\\n' ' ')" = 'kept zlong '
            """)
    }

    @Test func `an archive ends at a long damaged file, with its name`() async throws {
        let fixture = try await damaged(
            "head -c 4300000 /dev/urandom > long",
            // So that the list of its chunks is written anew and most of the chunks are not.
            "for n in $(seq 0 12); do printf new | dd of=long bs=1 seek=$((n * 340000)) conv=notrunc status=none; done"
        )
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        do {
            _ = try await SnapshotExport.run(snapshot, reader) { _ in }
            Issue.record("exported")
        } catch {
            #expect(error.code == .store)
            #expect(error.context.hasPrefix("live/long: "))
        }
    }
}
