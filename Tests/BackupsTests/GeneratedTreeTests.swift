import Backups
import Files
import Glibc
import Support
import Testing

/// Generated trees, backed up and restored, are the trees they were: entry by entry, as system calls tell.
@Suite struct GeneratedTreeTests {
    private static let batch = 100

    /// How many trees: 200, or what STRONGROOM_TREES says (10,000 take minutes).
    private static var treeCount: Int {
        guard let text = unsafe getenv("STRONGROOM_TREES") else { return 200 }
        return Int(unsafe String(cString: text)) ?? 200
    }

    @Test func `F082, F083, F087: generated trees come back equal, entry by entry`() async throws {
        var options = Restore.Options()
        options.tree.setIdentity = true
        // Other owners need root, and so do the facts of their files.
        options.tree.owners = geteuid() == 0
        var entryCount = 0
        for first in stride(from: 0, to: Self.treeCount, by: Self.batch) {
            let fixture = try await BackupFixture()
            fixture.sh("mkdir live")
            for seed in first..<min(first + Self.batch, Self.treeCount) {
                GeneratedTree.make(UInt64(seed), at: fixture.scratch.file("live/\(seed)"))
            }
            let before = TreeFacts(fixture.scratch.file("live"))
            try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
            let report = try await fixture.restore(into: "back", options)
            let issues = report.sources[0].issues.map { "\(Path($0.path)): \($0.reason)" }
            #expect(issues == [], "trees from \(first)")
            let after = TreeFacts(fixture.scratch.file("back/directories/live"))
            let differences = after.differences(from: before)
            #expect(differences == [], "trees from \(first)")
            entryCount += before.entries.count
            guard differences.isEmpty else { return }
        }
        #expect(entryCount > Self.treeCount * 3)
    }
}
