import Archives
import Backups
import Files
import Git
import Support
import Testing

/// Facts that no capture of ours writes.
extension RepositoryTests {
    @Test func `F099: hostile facts and indexes of a repository are refused and leave nothing`() async throws
    {
        let source = makeSource()
        try await capture()
        let (captured, reader) = try await self.source()
        let root = try #require(captured.root)
        let facts = try RepositoryFacts(decoding: try await content(Array("facts".utf8), root, reader))
        let bundle = try await content(RepositoryIncrement.bundlePath(0), root, reader)
        let index = try RepositoryIncrement(
            decoding: try await content(RepositoryIncrement.indexPath(0), root, reader))
        let needed = source.git("rev-parse", "HEAD").bytes
        func changed(_ change: (inout RepositoryFacts) -> Void) -> RepositoryFacts {
            var facts = facts
            change(&facts)
            return facts
        }
        func other(_ byteCount: UInt64, _ prerequisites: [[UInt8]] = []) -> RepositoryIncrement {
            RepositoryIncrement(
                objectFormat: .sha1, byteCount: byteCount, prerequisites: prerequisites, tips: index.tips,
                commits: index.commits)
        }
        let plants: [(RepositoryFacts, RepositoryIncrement, [UInt8])] = [
            (changed { $0.head = Array("ref: ../../x".utf8) }, index, bundle),
            (
                changed {
                    $0.references.append(.init(name: Array("refs/heads/main/x".utf8), target: needed))
                }, index, bundle
            ),
            (changed { $0.incrementCount = 2 }, index, bundle),
            (facts, other(index.byteCount + 1), bundle),
            (facts, other(index.byteCount, [needed]), bundle),
            (facts, index, Array(bundle.dropLast()) + [bundle[bundle.count - 1] ^ 1]),
            (facts, index, [UInt8](repeating: 0x41, count: bundle.count)),
        ]
        for (number, plant) in plants.enumerated() {
            try await self.plant(plant.0, plant.1, plant.2)
            do {
                let report = try await fixture.restore(into: "hostile\(number)")
                #expect(!report.isWhole || report.isDamaged)
                #expect(fixture.sh("ls -A hostile\(number)/repositories").text == "")
            } catch {
                // What an index says of a bundle that isn't there is damage of the store.
                #expect((error as? BackupError)?.code == .store)
                #expect(fixture.names().contains("hostile\(number)") == false)
            }
        }
    }

    /// Makes a snapshot of a repository of one bundle that says what it is told.
    private func plant(
        _ facts: RepositoryFacts, _ index: RepositoryIncrement, _ bundle: [UInt8]
    ) async throws {
        let writer = try await fixture.writer()
        var tree = EntryTreeWriter(writer)
        for (path, bytes) in [
            (Array("facts".utf8), facts.encoded), (Array("increments".utf8), nil),
            (RepositoryIncrement.bundlePath(0), bundle),
            (RepositoryIncrement.indexPath(0), index.encoded),
        ] {
            guard let bytes else {
                try await tree.add(Entry(path: path, kind: .directory, mode: 0o700))
                continue
            }
            var content = ContentWriter(writer)
            try await content.append(bytes)
            try await tree.add(Entry(path: path, kind: .file(try await content.finish()), mode: 0o600))
        }
        let draft = SnapshotDraft(
            environment: "prod", time: fixture.now(), status: .complete, revisions: [],
            sources: [
                SnapshotSource(
                    name: "app", kind: .repository, status: .complete, root: try await tree.finish())
            ], host: "h")
        _ = try await writer.commit(try await writer.prepare(draft))
    }

    @Test func `of refs below another in a snapshot, that one is left out and named, all else comes back`()
        async throws
    {
        _ = makeSource()
        try await capture()
        let (captured, reader) = try await self.source()
        let root = try #require(captured.root)
        var facts = try RepositoryFacts(decoding: try await content(Array("facts".utf8), root, reader))
        let target = facts.references[0].target
        let name = "refs/backup/20261123T172743Z/heads/topic"
        facts.lost = [.init(name: Array(name.utf8), target: target)]
        facts.references = (facts.references + [.init(name: Array("\(name)/x".utf8), target: target)])
            .sorted()
        try await plant(
            facts,
            RepositoryIncrement(decoding: try await content(RepositoryIncrement.indexPath(0), root, reader)),
            try await content(RepositoryIncrement.bundlePath(0), root, reader))
        let report = try await restore(into: "back")
        #expect(!report.isWhole && !report.isDamaged)
        let issues = report.sources[0].issues
        #expect(issues.map { String(decoding: $0.path, as: UTF8.self) } == [name])
        #expect(issues.map(\.kind) == [.refused] && issues.map { $0.reason.contains("its object") } == [true])
        #expect(state("back") == state("source"))
        #expect(backups("back").map { $0.hasSuffix(" \(name)/x") } == [true])
        #expect(fsck("back").status == 0)
        // A bundle has all but that one too.
        var bundle: [UInt8] = []
        let (source, again) = try await self.source()
        let left = try await RepositoryExport.run(
            source, from: again, scratch: fixture.path("scratch.git")
        ) { span in
            unsafe span.withUnsafeBytes { unsafe bundle.append(contentsOf: $0) }
        }
        #expect(left.map { String(decoding: $0.path, as: UTF8.self) } == [name])
        ScratchRepository(at: fixture.scratch.path).write("all.bundle", bundle)
        fixture.sh("git clone -q --mirror all.bundle cloned")
        #expect(state("cloned") == state("source"))
    }
}
