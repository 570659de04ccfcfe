internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings

/// `strongroom snapshots find`: where an entry is, over all snapshots.
struct SnapshotsFindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Find entries by name or path, over all snapshots.",
        discussion: """
            A PATTERN without a slash is compared with names, one with slashes with the whole of SOURCE/PATH; * stands \
            for any characters of a name, ** for any names in between. Each version of an entry is one line, with the \
            newest snapshot that has it like this and how many do. Without PATTERN the snapshots that the options \
            choose are listed, as with --commit to find those of a commit. What is shared by snapshots is read once.
            """)

    @Argument(help: ArgumentHelp("What is looked for, as *.jpg or uploads/**/*.jpg.", valueName: "pattern"))
    var pattern: String?

    @Option(
        help: ArgumentHelp(
            "Look into snapshots at this commit alone: 8 digits at least, of a source or of any.",
            valueName: "[source=]commit"))
    var commit: String?

    @OptionGroup var listing: ListingOptions
    @OptionGroup var placing: PlaceOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard pattern != nil || commit != nil else {
            throw ValidationError("say what to find: a pattern, --commit, or both")
        }
    }

    func run() async throws {
        let archive = try await OpenArchive(store)
        // The newest first, so that a version shows the newest snapshot that has it.
        let records = try chosen(Array(archive.records(of: store.environment).reversed()))
        guard let pattern else { return try await list(records.reversed(), archive) }
        let bytes = try placing.bytes(pattern)
        let wanted: EntryPattern
        do {
            wanted = try EntryPattern(bytes)
        } catch {
            throw Failure(
                .usage, "\(pattern): no pattern that paths can match",
                hints: ["** stands alone between slashes, and no name is empty"])
        }
        if let newest = records.first { _ = try await archive.open(newest) }
        let outcome = try await SnapshotSearch.run(wanted, in: records, archive.reader)
        let lines = try Listing(listing)
        for version in outcome.versions {
            let document = VersionDocument(version)
            try lines.show(document, line: document.line)
        }
        try lines.end()
        for failure in outcome.failures { Console.note("strongroom: \(failure)") }
        guard outcome.failures.isEmpty else {
            throw Failure(
                .damaged, "parts of the snapshots can't be read and were not looked through",
                hints: ["strongroom store check says what is affected"])
        }
        if outcome.versions.isEmpty {
            Console.note("strongroom: nothing found in \(records.count) snapshots")
        }
    }

    private func chosen(_ records: [SnapshotRecord]) throws -> [SnapshotRecord] {
        guard let commit else { return records }
        let parts = commit.split(separator: "=", maxSplits: 1).map(String.init)
        let (source, digits) = parts.count == 2 ? (parts[0], parts[1]) : (nil, parts.first ?? "")
        let isHex = digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isHex, digits.utf8.count >= 8 else {
            throw Failure(.usage, "--commit: name 8 lower-case hex digits or more")
        }
        let found = records.filter { record in
            record.header.revisions.contains { revision in
                (source == nil || Array(revision.source.utf8) == Array((source ?? "").utf8))
                    && Hex.encode(revision.commit).hasPrefix(digits)
            }
        }
        guard !found.isEmpty else {
            throw Failure(
                .usage, "no snapshot was taken at commit \(commit)",
                hints: records.prefix(5).map(\.candidateWords))
        }
        return found
    }

    private func list(_ records: [SnapshotRecord], _ archive: OpenArchive) async throws {
        let lines = try Listing(listing)
        for record in records {
            let snapshot = archive.opened.canRead ? try await archive.open(record) : nil
            let document = SnapshotDocument(record, snapshot)
            try lines.show(document, line: "\(document.id) \(document.second) \(document.status)")
        }
        try lines.end()
    }
}

/// A version of an entry, and the snapshots that have it.
private struct VersionDocument: Encodable {
    /// A snapshot that has it.
    struct Holder: Encodable {
        let id: String
        let time: String
    }

    let entry: EntryDocument
    let source: String
    let sourceKind: String
    /// The newest first.
    let snapshots: [Holder]

    init(_ version: SnapshotSearch.Version) {
        entry = EntryDocument(version.entry, source: version.source)
        source = version.source
        sourceKind = version.kind.name
        snapshots = version.snapshots.map {
            Holder(id: $0.id.description, time: $0.header.time.description)
        }
    }

    var line: String {
        let newest = snapshots.first?.id.prefix(12) ?? ""
        let more = snapshots.count > 1 ? "+\(snapshots.count - 1)" : ""
        return "\(newest)\(more) \(entry.line)"
    }
}
