import Archives
import Backups
import Encodings
import Support
import Testing

/// Archives of trees that no file system gives: what GNU tar makes of them.
@Suite struct SnapshotExportTests {
    /// The snapshot of one tree of a fixture.
    private func snapshot(
        _ fixture: BackupFixture, _ fill: (inout EntryTreeWriter, StoreWriter) async throws -> Void
    ) async throws -> Snapshot {
        let writer = try await fixture.writer()
        var tree = EntryTreeWriter(writer)
        try await fill(&tree, writer)
        let draft = SnapshotDraft(
            environment: "prod", time: fixture.now(), status: .complete, revisions: [],
            sources: [
                SnapshotSource(
                    name: "data", kind: .directory, status: .complete, root: try await tree.finish())
            ], host: "host")
        let id = try await writer.commit(try await writer.prepare(draft))
        let reader = try await fixture.reader()
        let record = try #require(try await reader.snapshots().records.first { $0.id == id })
        return try await reader.open(record)
    }

    private func file(_ path: String, _ content: Content) -> Entry {
        Entry(path: Array(path.utf8), kind: .file(content), mode: 0o644, modifiedSeconds: 1)
    }

    private func content(_ bytes: [UInt8], _ writer: StoreWriter) async throws -> Content {
        var content = ContentWriter(writer)
        try await content.append(bytes)
        return try await content.finish()
    }

    private func export(
        _ fixture: BackupFixture, _ snapshot: Snapshot, extentLimit: Int = 1 << 16
    ) async throws -> (report: SnapshotExport.Report, bytes: [UInt8]) {
        let output = Output()
        let report = try await SnapshotExport.run(
            snapshot, try await fixture.reader(), source: "data", extentLimit: extentLimit
        ) { bytes in
            unsafe bytes.withUnsafeBytes { unsafe output.bytes.append(contentsOf: $0) }
        }
        return (report, output.bytes)
    }

    private final class Output {
        var bytes: [UInt8] = []
    }

    @Test func `a file stands before its other names, whatever their order`() async throws {
        let fixture = try await BackupFixture()
        let snapshot = try await snapshot(fixture) { tree, writer in
            try await tree.add(
                Entry(path: Array("a".utf8), kind: .hardLink(Array("b".utf8)), mode: 0o644))
            try await tree.add(file("b", try await content([1, 2, 3], writer)))
            try await tree.add(
                Entry(path: Array("c".utf8), kind: .hardLink(Array("b".utf8)), mode: 0o644))
        }
        let (report, bytes) = try await export(fixture, snapshot)
        #expect(report.entryCount == 3 && report.issues.isEmpty)
        let listed = ShellCommand.run("tar", ["-tf", "-"], stdin: bytes)
        #expect(listed.text == "b\nc\na", "\(listed.errorText)")
        fixture.sh("mkdir out")
        let unpacked = ShellCommand.run("tar", ["-xf", "-", "-C", fixture.scratch.file("out")], stdin: bytes)
        #expect(unpacked.status == 0, "\(unpacked.errorText)")
        #expect(fixture.sh("stat -c %h out/a").text == "3")
    }

    @Test func `a socket is left out and listed, all else is there`() async throws {
        let fixture = try await BackupFixture()
        let snapshot = try await snapshot(fixture) { tree, writer in
            try await tree.add(Entry(path: Array("a".utf8), kind: .socket, mode: 0o600))
            try await tree.add(file("b", try await content([1], writer)))
        }
        let (report, bytes) = try await export(fixture, snapshot)
        #expect(report.issues.map(\.issue.kind) == [.skipped])
        #expect(report.issues.first?.issue.path == Array("a".utf8))
        #expect(ShellCommand.run("tar", ["-tf", "-"], stdin: bytes).text == "b")
    }

    @Test(arguments: [1 << 16, 3])
    func `a file of many holes has them in the archive, or zeros where they are too many`(limit: Int)
        async throws
    {
        let fixture = try await BackupFixture()
        let lengths = (0..<20).map { [1, 512, 511, 513, 9999][$0 % 5] }
        let snapshot = try await snapshot(fixture) { tree, writer in
            var content = ContentWriter(writer)
            for number in 0..<20 {
                try await content.append([UInt8](repeating: UInt8(number) + 1, count: lengths[number]))
                try await content.hole(UInt64(10_000 - lengths[number]))
            }
            // Holes that are shorter than a block, and one that isn't at its border.
            for count in [100, 512, 511, 1] {
                try await content.append([9])
                try await content.hole(UInt64(count))
            }
            try await content.append([7])
            try await tree.add(file("sparse", try await content.finish()))
        }
        let (report, bytes) = try await export(fixture, snapshot, extentLimit: limit)
        #expect(report.byteCount <= 201_129)
        #expect((report.byteCount == 201_129) == (limit == 3))
        #expect((bytes.count > 200_000) == (limit == 3))
        fixture.sh("mkdir out")
        var wanted: [UInt8] = []
        for number in 0..<20 {
            wanted += [UInt8](repeating: UInt8(number) + 1, count: lengths[number])
            wanted += [UInt8](repeating: 0, count: 10_000 - lengths[number])
        }
        for count in [100, 512, 511, 1] { wanted += [9] + [UInt8](repeating: 0, count: count) }
        wanted.append(7)
        for program in ["tar", "bsdtar"] {
            fixture.sh("rm -f out/sparse")
            let unpacked = ShellCommand.run(
                program, ["-xf", "-", "-C", fixture.scratch.file("out")], stdin: bytes)
            #expect(unpacked.status == 0, "\(program): \(unpacked.errorText)")
            let restored = ShellCommand.run("cat", [fixture.scratch.file("out/sparse")]).stdout
            #expect(restored == wanted, "\(program)")
        }
    }
}
