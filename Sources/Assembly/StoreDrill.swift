package import Archives
package import Backups
package import Encodings
package import Files
internal import Glibc
package import Keyrings

/// A drill on an opened store: restores on trial, and leaves the report beside the snapshot.
package enum StoreDrill {
    /// A drill that was held.
    package struct Result: Sendable {
        /// What it found.
        package let report: DrillReport
        /// Why the store has no signed word of it, if so.
        package let notSigned: String?
        /// The store's failure because of which there is none; nil where the agent just has no power for it.
        package var failure: ArchiveError?
        /// Whether it passed with a snapshot that is not the newest, and is not recorded for that reason.
        package var isOfOlder = false
    }

    /// Restores what `plan` chose beneath `scratch` and looks at it; the outcome and the report's hash are signed by the
    /// agent of `agent`, beside the snapshot. Throws what `Drill.run` throws.
    package static func run(
        _ opened: StoreAccess.Opened, _ plan: RestorePlan, from reader: StoreReader,
        beneath scratch: Path, as agent: MemberIdentity?, clock: @escaping @Sendable () -> Timestamp,
        _ options: Drill.Options
    ) async throws -> Result {
        let report = try await Drill.run(
            plan, from: reader, damaged: DamagedPacks(opened.objects), beneath: scratch,
            as: FileOwner(user: geteuid(), group: getegid()), clock: clock, options)
        guard let agent else { return Result(report: report, notSigned: "no identity of an agent") }
        do throws(ArchiveError) {
            let keeping = try SnapshotKeeping(
                opened.store, write: opened.writeKeys, agent: StoreAccess.agentKey(of: agent))
            try await keeping.annotate(try report.annotation())
            return Result(report: report, notSigned: nil)
        } catch {
            // What was found is told all the same.
            return Result(
                report: report, notSigned: error.context, failure: error.code == .refused ? nil : error)
        }
    }

    /// Writes the report into `directory`, made where it is missing; the file's path.
    package static func file(_ report: DrillReport, in directory: Path) throws(FileError) -> Path {
        let time = report.time.description.filter { $0 != ":" && $0 != "-" }
        let name = Path(
            "\(report.record.header.environment)-\(time)-\(report.record.id.description.prefix(16)).json")
        let folder = try Directory.makePath(directory)
        let bytes = Array(report.json.utf8)
        try unsafe folder.write(bytes.span.bytes, to: name)
        return directory.appending(name)
    }
}
