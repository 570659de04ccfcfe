internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings

/// `strongroom snapshots`: what a store holds.
struct SnapshotsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshots", abstract: "List, show, search, compare, pin, tag and forget snapshots.",
        subcommands: [
            SnapshotsListCommand.self, SnapshotsShowCommand.self, SnapshotsLsCommand.self,
            SnapshotsFindCommand.self, SnapshotsDiffCommand.self, SnapshotsCatCommand.self,
            SnapshotsExportCommand.self, SnapshotsForgetCommand.self,
            SnapshotsPinCommand.self, SnapshotsUnpinCommand.self, SnapshotsTagCommand.self,
        ])
}

/// `strongroom snapshots list`: every snapshot, oldest first.
struct SnapshotsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the snapshots, oldest first.",
        discussion:
            "Sources and sizes are shown to readers of the store; the rest to everybody who can add to it.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let archive = try await OpenArchive(store)
        let annotations = try await archive.annotations()
        var documents: [SnapshotDocument] = []
        for record in archive.records(of: store.environment) {
            let snapshot = archive.opened.canRead ? try await archive.open(record) : nil
            documents.append(SnapshotDocument(record, snapshot, annotations))
        }
        if json {
            try Console.json(documents)
            return
        }
        let rows = documents.map { document in
            [
                String(document.id.prefix(12)), document.second, document.environment, document.status,
                document.bytes.map(Sizes.text) ?? "-",
                document.revisions.sorted { $0.key < $1.key }.map { "\($0.key)@\($0.value.prefix(10))" }
                    .joined(separator: " "),
                ((document.pinned ? ["pinned"] : []) + document.tags).joined(separator: " "),
            ]
        }
        Console.table(["SNAPSHOT", "TIME", "ENVIRONMENT", "STATUS", "SIZE", "REVISIONS", "MARKS"], rows)
    }
}

/// `strongroom snapshots show`: one snapshot with its sources.
struct SnapshotsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one snapshot with its sources.")

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let archive = try await OpenArchive(store)
        let record = try archive.record(snapshot, of: store.environment)
        let document = SnapshotDocument(
            record, try await archive.open(record), try await archive.annotations())
        if json {
            try Console.json(document)
            return
        }
        Console.print("snapshot    \(document.id)")
        Console.print("time        \(document.time)")
        Console.print("environment \(document.environment)")
        Console.print("agent       \(document.agent), its snapshot \(document.generation)")
        Console.print("status      \(document.status)")
        if document.pinned { Console.print("pinned      yes") }
        if !document.tags.isEmpty { Console.print("tags        \(document.tags.joined(separator: " "))") }
        for (source, commit) in document.revisions.sorted(by: { $0.key < $1.key }) {
            Console.print("revision    \(source) \(commit)")
        }
        let rows = (document.sources ?? []).map { source in
            [source.name, source.kind, source.status, "\(source.entries)", Sizes.text(source.bytes)]
        }
        Console.print("")
        Console.table(["SOURCE", "KIND", "STATUS", "ENTRIES", "SIZE"], rows)
        for source in document.sources ?? [] {
            for note in source.notes { Console.print("\(source.name): \(note)") }
        }
    }
}

/// `strongroom snapshots ls`: the entries of a snapshot.
struct SnapshotsLsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the entries of a snapshot.",
        discussion: """
            PATH is SOURCE or SOURCE/PATH; without it the sources are listed. Names that are not UTF-8 are shown with their \
            bytes in hexadecimal digits, which ls, cat, export, diff and find take with --hex, and restore --only without those of SOURCE/.
            """)

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Argument(help: ArgumentHelp("What is listed, with all below it.", valueName: "path"))
    var path: String?

    @OptionGroup var listing: ListingOptions
    @OptionGroup var placing: PlaceOptions
    @OptionGroup var store: StoreOptions

    func run() async throws {
        let archive = try await OpenArchive(store)
        let snapshot = try await archive.open(try archive.record(snapshot, of: store.environment))
        let lines = try Listing(listing)
        guard let path else {
            for source in snapshot.sources {
                try lines.show(SnapshotDocument.Source(source), line: source.name)
            }
            return try lines.end()
        }
        let place = try SnapshotPlace(path, placing)
        try await SnapshotBrowser(snapshot, archive.reader).list(place.source, under: place.path) { entry in
            let document = EntryDocument(entry, source: place.source)
            try lines.show(document, line: document.line)
        }
        try lines.end()
    }
}

/// `strongroom snapshots cat`: the content of one file.
struct SnapshotsCatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Write the content of one file to standard output.")

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Argument(help: ArgumentHelp("The file, as SOURCE/PATH; SOURCE alone for a command.", valueName: "file"))
    var file: String

    @OptionGroup var placing: PlaceOptions
    @OptionGroup var store: StoreOptions

    func run() async throws {
        let archive = try await OpenArchive(store)
        let snapshot = try await archive.open(try archive.record(snapshot, of: store.environment))
        let place = try SnapshotPlace(file, placing)
        let browser = SnapshotBrowser(snapshot, archive.reader)
        let source = try browser.source(place.source)
        guard !place.path.isEmpty || source.kind == .command else {
            throw Failure(
                .usage,
                "\(file): a whole source (\(source.kind.name)), no file: name one in it, as SOURCE/PATH",
                hints: ["strongroom snapshots ls lists them, snapshots export writes a source as an archive"])
        }
        try await browser.cat(place.source, place.path) { bytes in
            try Console.write(span: bytes)
        }
    }
}
