internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings
internal import Files

/// `strongroom snapshots diff`: what differs between two snapshots, or between one and what is there now.
struct SnapshotsDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what differs between two snapshots, or between one and now.",
        discussion: """
            snapshots diff A B [PATH] shows what became of A in B; snapshots diff A --live [PATH] what became of A's \
            directories on this machine since. PATH is SOURCE or SOURCE/PATH. A line begins with + for what is new, - \
            for what is gone, M for what changed, with what of it: kind, content, target, mode, owner, time, attributes. \
            Equal parts of snapshots are not read. With --live, a file of the same length and time counts as unchanged \
            unless --content is given; what a source's patterns leave out shows as new.
            """)

    @Argument(help: "At least eight digits of the first snapshot's id, or 'latest'.")
    var first: String

    @Argument(
        help: ArgumentHelp(
            "The second snapshot, and what of both; with --live the latter.", valueName: "b|path"))
    var rest: [String] = []

    @Flag(help: "Compare with what stands now where the snapshot's directories were.")
    var live = false

    @Flag(help: "With --live: read and compare every file.")
    var content = false

    @Option(
        help: ArgumentHelp("With --live and one source: the directory that is compared.", valueName: "dir"))
    var directory: String?

    @OptionGroup var listing: ListingOptions
    @OptionGroup var placing: PlaceOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard live || (!content && directory == nil) else {
            throw ValidationError("--content and --directory go with --live")
        }
        guard live ? rest.count <= 1 : (1...2).contains(rest.count) else {
            throw ValidationError(
                live
                    ? "with --live: one snapshot and at most one path"
                    : "name two snapshots, and at most one path")
        }
    }

    func run() async throws {
        let archive = try await OpenArchive(store)
        let old = try await archive.open(try archive.record(first, of: store.environment))
        let path = live ? rest.first : rest.dropFirst().first
        let place = try path.map { try SnapshotPlace($0, placing) }
        let lines = try Listing(listing)
        guard live else {
            let new = try await archive.open(try archive.record(rest[0], of: store.environment))
            try await SnapshotComparison(archive.reader).run(
                old, new, source: place?.source, path: place?.path ?? []
            ) { difference in
                let document = DifferenceDocument(difference)
                try lines.show(document, line: document.line)
            }
            return try lines.end()
        }
        try await compare(old, place, archive, lines)
    }

    private func compare(
        _ old: Snapshot, _ place: SnapshotPlace?, _ archive: OpenArchive, _ lines: Listing
    ) async throws {
        var sources = old.sources.filter { $0.kind == .directory && $0.root != nil }
        if let place {
            sources = [try SnapshotBrowser(old, archive.reader).source(place.source)]
        }
        guard directory == nil || sources.count == 1 else {
            throw Failure(.usage, "--directory: name the source that is compared with it")
        }
        var isWhole = true
        for source in sources {
            let failures = try await LiveComparison(archive.reader, readsAll: content).run(
                source, with: try livePath(source), under: place?.path ?? []
            ) { difference in
                let document = DifferenceDocument(difference)
                try lines.show(document, line: document.line)
            }
            for failure in failures {
                isWhole = false
                Console.note(
                    "strongroom: \(SnapshotPlace.text(failure.source, failure.path)): \(failure.reason)")
            }
        }
        try lines.end()
        guard isWhole else { throw Failure(.partial, "some entries could not be compared") }
    }

    private func livePath(_ source: SnapshotSource) throws -> Path {
        if let directory { return Path(try Process.absolute(directory)) }
        guard let path = source.facts.first(where: { $0.name == "path" }) else {
            throw Failure(
                .usage, "\(source.name): not a directory with a place on a machine",
                hints: ["--directory DIR names what it is compared with"])
        }
        return Path(path.value)
    }
}

/// A difference as `--json` shows it.
private struct DifferenceDocument: Encodable {
    let change: String
    /// `SOURCE/PATH`; bytes that are not UTF-8 are replaced. `pathHex` has all of it then, as `--hex` takes it.
    let path: String
    let pathHex: String?
    let source: String
    let sourceKind: String
    /// What differs, where it changed.
    let aspects: [String]
    let oldBytes: UInt64?
    let newBytes: UInt64?

    init(_ difference: PlaceDifference) {
        source = difference.source
        sourceKind = difference.kind.name
        let text = String(decoding: difference.path, as: UTF8.self)
        path = difference.path.isEmpty ? difference.source : "\(difference.source)/\(text)"
        pathHex = ForeignName.digits(difference.path, of: difference.source)
        switch difference.change {
        case .added: (change, aspects) = ("added", [])
        case .removed: (change, aspects) = ("removed", [])
        case .changed(let list): (change, aspects) = ("changed", list.map(\.rawValue))
        }
        oldBytes = difference.oldByteCount
        newBytes = difference.newByteCount
    }

    var line: String {
        let path = path + ForeignName.note(pathHex)
        return switch change {
        case "added": "+ \(path)"
        case "removed": "- \(path)"
        default: "M \(path) (\(aspects.joined(separator: ", ")))"
        }
    }
}
