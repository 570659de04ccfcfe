internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Journal
internal import Settings

/// `strongroom audit`: the audit log of the settings' state directory.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check and list the log of openings, overrides, rollbacks and suspensions.",
        subcommands: [Verify.self, List.self])

    /// `strongroom audit verify`.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Check that no line was changed, removed or cut off.",
            discussion: """
                Prints the head, INDEX:HASH. A head that was noted elsewhere, given with --head, shows also that the whole log \
                was not replaced since. The exit code is 9 where a line is bad, and the first such line is named.
                """)

        @Option(help: ArgumentHelp("A head that was noted before.", valueName: "index:hash"))
        var head: String?

        @OptionGroup var settingsFile: SettingsOptions

        func run() throws {
            let settings = try settingsFile.read()
            let noted = try head.map { text in
                try Failure.about("--head") { () throws(Failure) in
                    do throws(EncodingError) { return try AuditHead(text) } catch {
                        throw Failure(.usage, error.context)
                    }
                }
            }
            let report = try AuditLog(reading: StateFiles.audit(settings.state)).verify(expecting: noted)
            if let bad = report.firstBad {
                throw Failure(
                    .damaged, "audit log: line \(bad.index): \(bad.reason)",
                    hints: ["the lines before it are as they were written"])
            }
            Console.print("\(report.head)")
            Console.note("strongroom: \(report.head.index) lines, all as they were written")
        }
    }

    /// `strongroom audit list`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List what the audit log tells, oldest first.")

        @Option(help: ArgumentHelp("Only this environment.", valueName: "env"))
        var environment: String?

        @Option(help: ArgumentHelp("How many of the newest lines.", valueName: "count"))
        var limit = 100

        @Flag(help: "Print the lines as JSON.")
        var json = false

        @OptionGroup var settingsFile: SettingsOptions

        private struct Document: Encodable {
            let index: UInt64
            let time: String
            let event: String
            let fields: [String: String]
            let hash: String
        }

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit takes a number above 0") }
        }

        func run() throws {
            let settings = try settingsFile.read()
            let log = try AuditLog(reading: StateFiles.audit(settings.state))
            let entries = try log.entries(limit: limit) { entry in
                environment == nil || entry.fields["environment"] == environment
            }
            guard !json else {
                return try Console.json(
                    entries.map { entry in
                        Document(
                            index: entry.index, time: "\(entry.time)", event: entry.event,
                            fields: entry.fields,
                            hash: Hex.encode(entry.hash))
                    })
            }
            for entry in entries {
                let fields = entry.fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                Console.print(
                    "\(entry.index) \(entry.time) \(entry.event)\(fields.isEmpty ? "" : " ")"
                        + fields.joined(separator: " "))
            }
        }
    }
}
