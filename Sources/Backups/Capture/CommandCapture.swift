package import Archives
internal import Sodium

/// Takes a command's output into a store: one file of the source's name.
enum CommandCapture {
    /// Runs the command and stores what it prints.
    ///
    /// Throws `CommandRun.Failure` where it failed: what it printed until then is named by nothing. Throws
    /// `ArchiveError` where the store fails.
    static func run(
        _ name: String, _ command: CommandRun, _ restoring: CommandRun?, _ writer: StoreWriter
    ) async throws -> SnapshotSource {
        var content = ContentWriter(writer)
        _ = try await command.read { output in try await content.read(output) }
        var tree = EntryTreeWriter(writer)
        // No time of its own: the same output makes the same tree. A restore gives it the snapshot's.
        try await tree.add(
            Entry(path: Array(name.utf8), kind: .file(try await content.finish()), mode: 0o600))
        return SnapshotSource(
            name: name, kind: .command, status: .complete, root: try await tree.finish(),
            facts: command.facts(restoring))
    }
}

extension CommandRun {
    /// What a snapshot says of this command, and of the one that takes its output back: `command` and `restore` hold the
    /// words, each followed by a NUL; `restore-timeout` the seconds that it has.
    func facts(_ restoring: CommandRun?) -> [SourceFact] {
        var facts = [SourceFact("command", words)]
        if let restoring {
            facts.append(SourceFact("restore", restoring.words))
            facts.append(
                SourceFact("restore-timeout", Array(String(restoring.deadline.components.seconds).utf8)))
        }
        return facts
    }

    private var words: [UInt8] { arguments.flatMap { Array($0.utf8) + [0] } }

    /// The command that takes the output of a source back, as the facts of its snapshot say; nil where they name none.
    package init?(restoring source: SnapshotSource) {
        func fact(_ name: String) -> [UInt8]? { source.facts.first { $0.name == name }?.value }
        guard let words = fact("restore"), words.last == 0 else { return nil }
        let arguments = words.dropLast().split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard arguments.first?.isEmpty == false else { return nil }
        let seconds = fact("restore-timeout").flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
        self.init(
            arguments: arguments, deadline: .seconds(min(max(seconds ?? 3_600, 1), 1 << 40)),
            minimumByteCount: 0)
    }
}

extension RawSpan {
    /// The bytes in an array.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
