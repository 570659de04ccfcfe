import Backups
import Encodings
import Files
import Journal
import Support
import Testing

@testable import Assembly

/// The file that tells how far a restore in place came, and what is read of it.
@Suite struct `Restore record` {
    private let scratch = TemporaryDirectory("restore-record")

    private func record(_ phase: StandingRestore.Phase) -> RestoreRecord {
        let order = Suspension(time: Timestamp(nanoseconds: 5), author: "alice b", reason: "")
        var record = RestoreRecord(
            snapshot: String(repeating: "ab", count: 32), begun: Timestamp(rfc: "2026-11-23T15:00:00Z"),
            suspension: order,
            hold: HeldCommit(source: "config", commit: String(repeating: "1", count: 40), order: order))
        record.phase = phase
        record.targets = [Path("/srv/a b"), Path([0x2F, 0xFF]), Path(scratch.file("restores/prod/0"))]
        let (new, old) = (identity(1), identity(2))
        record.swaps = [
            DirectorySwap(target: "/srv/a b", new: new, old: old, digest: [1, 2]),
            DirectorySwap(target: Path([0x2F, 0xFF]), new: new, old: nil, digest: nil),
        ]
        return record
    }

    private func identity(_ inode: UInt64) -> FileIdentity {
        FileIdentity(device: DeviceNumber(major: 8, minor: 1), inode: inode)
    }

    @Test func `what is written is read back, and a part of it is no record`() {
        for phase in [StandingRestore.Phase.staging, .exchanging, .setting, .done] {
            let record = record(phase)
            #expect(RestoreRecord(record.text) == record)
            for count in 0..<record.text.utf8.count {
                #expect(RestoreRecord(String(record.text.prefix(count))) == nil)
            }
        }
    }

    @Test func `records without a beginning and without digests are read`() {
        var text = record(.exchanging).text
        text = text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("begun ") }.joined(separator: "\n").replacing(" 0102\n", with: "\n")
        let read = RestoreRecord(text)
        #expect(read?.begun == nil)
        #expect(read?.swaps.map(\.digest) == [nil, nil])
    }

    private func write(_ text: String) throws {
        let directory = try Directory.makePath(Path(scratch.file("restores/prod")))
        try directory.removeTree("record")
        try directory.writeNew(Array(text.utf8), to: "record")
    }

    private func standing() throws -> StandingRestore? {
        try StandingRestore(environment: "prod", state: scratch.path)
    }

    @Test func `a standing record is told with its places, and changes nothing`() throws {
        #expect(try standing() == nil)
        #expect(try StandingRestore.moment(of: ["prod"], state: scratch.path) == LiveMoment(mark: ""))
        try write(record(.exchanging).text)
        let found = try #require(try standing())
        #expect(found.places == ["/srv/a b", "/\\xff"])
        #expect(found.since == "2026-11-23T15:00:00Z")
        #expect(!found.isUnderWay)
        #expect(found.isMixed)
        do {
            let directory = try Directory(Path(scratch.file("restores/prod")))
            let lock = try FileLock("lock", in: directory)
            #expect(try standing()?.isUnderWay == true)
            _ = lock
        }
        #expect(try standing() == found)
        #expect(
            ShellCommand.run("ls", ["-A", scratch.file("restores/prod")]).text == "lock\nrecord")
    }

    @Test(arguments: [("staging", false), ("exchanging", true), ("setting", true), ("done", false)])
    func `live state is of two moments between the first exchange and the end`(
        _ name: String, isMixed: Bool
    ) throws {
        let phase = try #require(StandingRestore.Phase(rawValue: name))
        try write(record(phase).text)
        let moment = try StandingRestore.moment(of: ["prod"], state: scratch.path)
        #expect((moment.disturbance != nil) == isMixed)
        let shared = try StandingRestore.moment(of: ["stag", "prod"], state: scratch.path)
        #expect(
            shared.disturbance?.hasPrefix("environment prod: a restore in place") == (isMixed ? true : nil))
    }

    @Test func `a record that can't be read counts as live state of two moments`() throws {
        try write("strongroom-restore-in-place-1\nphase ")
        #expect(try standing()?.phase == nil)
        #expect(try standing()?.isMixed == true)
        let moment = try StandingRestore.moment(of: ["prod"], state: scratch.path)
        #expect(moment.disturbance?.contains("can't be read") == true)
    }
}

extension Timestamp {
    fileprivate init?(rfc text: String) {
        guard let time = try? Timestamp(rfc3339: text) else { return nil }
        self = time
    }
}
