import Archives
import Backups
import Files
import Support
import Testing

/// Looking for entries over snapshots, and comparing snapshots with each other and with what is there now.
@Suite struct FindTests {
    private let fixture: BackupFixture

    init() async throws {
        fixture = try await BackupFixture()
        fixture.sh("mkdir live")
    }

    private func backUp(_ change: String) async throws -> BackupOutcome {
        fixture.sh("cd live; \(change)")
        return try await fixture.backUp([
            .directory(name: "live", path: fixture.path("live")),
            .documents(name: "config", [.init(path: Array("settings.yaml".utf8), bytes: [1])]),
        ])
    }

    private func open(_ outcome: BackupOutcome) async throws -> Snapshot {
        let reader = try await fixture.reader()
        let records = try await reader.snapshots().records
        return try await reader.open(try #require(records.first { $0.id == outcome.id }))
    }

    private static func text(_ difference: PlaceDifference) -> String {
        let path = "\(difference.source)/\(String(decoding: difference.path, as: UTF8.self))"
        switch difference.change {
        case .added: return "+\(path)"
        case .removed: return "-\(path)"
        case .changed(let aspects): return "\(path) \(aspects.map(\.rawValue).joined(separator: " "))"
        }
    }

    private func compare(
        _ old: BackupOutcome, _ new: BackupOutcome, source: String? = nil, path: String = ""
    ) async throws -> [String] {
        var found: [String] = []
        try await SnapshotComparison(try await fixture.reader()).run(
            try await open(old), try await open(new), source: source, path: Array(path.utf8)
        ) { found.append(Self.text($0)) }
        return found
    }

    private func compareLive(
        _ old: BackupOutcome, path: String = "", readsAll: Bool = false
    ) async throws -> [String] {
        let snapshot = try await open(old)
        var found: [String] = []
        let failures = try await LiveComparison(try await fixture.reader(), readsAll: readsAll).run(
            try #require(snapshot.source(named: "live")), with: fixture.path("live"), under: Array(path.utf8)
        ) { found.append(Self.text($0)) }
        #expect(failures.isEmpty)
        return found
    }

    private static let change = """
        printf longer > a; printf two > sub/same; touch -d 2001-01-01 sub/time; chmod 600 sub/mode; rm sub/gone
        ln -sf elsewhere link; printf new > sub/new; rm kind; mkdir kind; touch -d 2000-01-01 . sub kind
        """
    private static let content = """
        mkdir sub; printf x > a; printf one > sub/same; printf t > sub/time; printf m > sub/mode; printf g > sub/gone
        ln -s nowhere link; printf k > kind; for n in $(seq 30); do printf $n > sub/unchanged-$n; done
        touch -h -d 2000-01-01 . sub sub/* * link
        """
    private static let differences = [
        "live/a content time", "live/kind kind mode", "live/link target time", "-live/sub/gone",
        "live/sub/mode mode", "+live/sub/new", "live/sub/same content time", "live/sub/time time",
    ]

    @Test func `two snapshots differ in what was changed between them, and in nothing else`() async throws {
        let first = try await backUp(Self.content)
        let second = try await backUp(Self.change)
        #expect(try await compare(first, second) == Self.differences)
        #expect(try await compare(first, first) == [])
        #expect(
            try await compare(second, first, source: "live", path: "sub/gone") == ["+live/sub/gone"])
        #expect(try await compare(first, second, source: "config") == [])
        #expect(await code { _ = try await compare(first, second, source: "none") } == .unknownSource)
        // Taken anew: the same bytes stored in another way are no difference.
        let third = try await backUp("printf longer > b; mv b a; touch -d 2000-01-01 .")
        #expect(try await compare(second, third).allSatisfy { $0 == "live/a time" })
    }

    @Test func `a snapshot and what is there now differ in what was changed since`() async throws {
        let first = try await backUp(Self.content)
        #expect(try await compareLive(first) == [])
        #expect(try await compareLive(first, readsAll: true) == [])
        fixture.sh("cd live; \(Self.change)")
        #expect(try await compareLive(first) == Self.differences)
        #expect(try await compareLive(first, path: "sub/new") == ["+live/sub/new"])
        // Other bytes of the same length and time are seen where all is read.
        let second = try await backUp("true")
        fixture.sh(
            "cd live; cp -p a before; printf LONGER > a; touch -r before a; rm before; touch -d 2000-01-01 .")
        #expect(try await compareLive(second) == [])
        #expect(try await compareLive(second, readsAll: true) == ["live/a content"])
    }

    @Test func `parts that snapshots share are not read`() async throws {
        _ = try await backUp("for n in $(seq 3000); do : > file-of-the-first-$n; done; printf 1 > zz")
        fixture.sh("find store/packs -type f > packs")
        let second = try await backUp("printf 2 > zz")
        let third = try await backUp("printf 3 > zz")
        // Whoever reads what is shared meets this.
        fixture.sh("xargs chmod u+w < packs; xargs truncate -s 0 < packs")
        let found = try await compare(second, third, source: "live")
        #expect(found == ["live/zz content time"])
    }

    @Test func `an entry is found over snapshots by name and by path, each version once`() async throws {
        let first = try await backUp("mkdir -p a/deep; printf one > a/deep/photo.jpg; printf x > a/other")
        let second = try await backUp("printf x > top.jpg")
        let third = try await backUp("printf three > a/deep/photo.jpg")
        let reader = try await fixture.reader()
        let records = try await reader.snapshots().records
        func find(_ pattern: String) async throws -> [String] {
            let outcome = try await SnapshotSearch.run(
                try EntryPattern(Array(pattern.utf8)), in: records.reversed(), reader)
            #expect(outcome.failures.isEmpty)
            return outcome.versions.map { version in
                let ids = version.snapshots.map { record in
                    [first.id: "1", second.id: "2", third.id: "3"][record.id] ?? "?"
                }
                return
                    "\(version.source)/\(String(decoding: version.entry.path, as: UTF8.self)) \(ids.joined())"
            }
        }
        let jpegs = ["live/a/deep/photo.jpg 3", "live/a/deep/photo.jpg 21", "live/top.jpg 32"]
        #expect(try await find("*.jpg") == jpegs)
        #expect(try await find("live/**/*.jpg") == jpegs)
        #expect(try await find("live/*.jpg") == ["live/top.jpg 32"])
        #expect(try await find("live/a/**").count == 5)
        #expect(try await find("settings.yaml") == ["config/settings.yaml 321"])
        #expect(try await find("nothing") == [])
    }
}
