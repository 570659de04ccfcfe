import Archives
import Backups
import Encodings
import Testing

/// Which snapshot is chosen: F103.
@Suite struct RestorePlanTests {
    private func commit(_ first: UInt8, _ last: UInt8 = 0) -> [UInt8] {
        [0xAB, 0xCD, 0xEF, first] + [UInt8](repeating: 9, count: 15) + [last]
    }

    @Test func `the newest complete snapshot at exactly the commit is chosen`() async throws {
        let fixture = try await BackupFixture()
        let (old, new) = (commit(1), commit(2))
        try await fixture.backUp(at: old)
        let wanted = try await fixture.backUp(at: old)
        let torn = try await fixture.backUp(at: old, new)
        try await fixture.backUp(at: new)

        let plan = try await fixture.plan(.commit(Hex.encode(old), source: nil))
        #expect(plan.record.id == wanted.id)
        #expect(plan.rule == "the newest complete snapshot at exactly commit \(Hex.encode(old))")
        #expect(plan.notices == ["passed over: \(torn.id), newer and torn"])
        for (prefix, source) in [("abcdef01", nil), ("abcdef0109", "config")] as [(String, String?)] {
            #expect(try await fixture.plan(.commit(prefix, source: source)).record.id == wanted.id)
        }
    }

    @Test func `an object that can't be read is told by whatever it may have gone before`() async throws {
        let fixture = try await BackupFixture()
        let old = try await fixture.backUp(at: commit(1))
        let new = try await fixture.backUp(at: commit(1))
        let name = "snapshots/\(new.id)"
        fixture.sh(
            "chmod u+w store/\(name); printf x | dd of=store/\(name) bs=1 seek=200 conv=notrunc status=none")
        let choices: [SnapshotSelection] = [
            .latest, .commit("abcdef01", source: nil), .asOf(fixture.now()),
        ]
        for choice in choices {
            let plan = try await fixture.plan(choice)
            #expect(plan.record.id == old.id && plan.damaged.map(\.name) == [name])
            #expect(plan.notices.contains { $0.hasPrefix("passed over: \(name), which may be newer") })
        }
        let named = try await fixture.plan(.id("\(old.id)"))
        #expect(named.damaged.isEmpty && named.notices.isEmpty)
        // Not "no snapshot": there is one.
        fixture.sh("rm -f store/snapshots/\(old.id)")
        #expect(await code { _ = try await fixture.plan(.latest) } == .store)
    }

    @Test func `where none is complete, the newest of the others is chosen and said so`() async throws {
        let fixture = try await BackupFixture()
        let torn = try await fixture.backUp(at: commit(1), commit(2))
        let plan = try await fixture.plan(.commit("abcdef01", source: nil))
        #expect(plan.record.id == torn.id)
        #expect(plan.rule.hasSuffix("there is none, so the newest torn one"))
        #expect(
            plan.notices == [
                "the snapshot is torn: a deploy or a restore in place went on while it was taken"
            ])
    }

    @Test func `F103: an unknown or ambiguous commit is refused with candidates`() async throws {
        let fixture = try await BackupFixture()
        let first = try await fixture.backUp(at: commit(1, 1))
        let second = try await fixture.backUp(at: commit(1, 2))
        func failure(_ selection: SnapshotSelection, _ environment: String? = nil) async -> BackupError? {
            do {
                _ = try await fixture.plan(selection, environment: environment)
                return nil
            } catch {
                return error as? BackupError
            }
        }
        let unknown = await failure(.commit("00000000", source: nil))
        #expect(unknown?.code == .unknownCommit)
        #expect(unknown?.candidates.map(\.id) == [second.id, first.id])
        let ambiguous = await failure(.commit("abcdef01", source: nil))
        #expect(ambiguous?.code == .ambiguous)
        #expect(ambiguous?.candidates.map(\.id) == [second.id, first.id])
        #expect(await failure(.commit("abcdef01", source: "other"))?.code == .unknownCommit)
        for prefix in ["abcdef0", "", "ABCDEF01", "abcdefg0", String(repeating: "a", count: 65)] {
            #expect(await failure(.commit(prefix, source: nil))?.code == .malformedSelection)
            #expect(await failure(.id(prefix))?.code == .malformedSelection)
        }
        #expect(await failure(.id("00000000"))?.code == .noSnapshot)
        #expect(await failure(.latest, "other")?.code == .noSnapshot)
        #expect(await failure(.asOf(Timestamp(nanoseconds: 0)))?.code == .noSnapshot)
    }

    @Test func `snapshots are found by id, time and environment`() async throws {
        let fixture = try await BackupFixture()
        let first = try await fixture.backUp()
        let second = try await fixture.backUp(environment: "test")
        #expect(try await fixture.plan(.latest).record.id == second.id)
        #expect(try await fixture.plan(.latest, environment: "prod").record.id == first.id)
        #expect(try await fixture.plan(.id(String(first.id.description.prefix(8)))).record.id == first.id)
        #expect(try await fixture.plan(.id(second.id.description)).record.id == second.id)
        #expect(try await fixture.plan(.asOf(first.header.time)).record.id == first.id)
    }
}
