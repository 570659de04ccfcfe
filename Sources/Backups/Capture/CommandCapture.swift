internal import Archives

/// Takes a command's output into a store: one file of the source's name.
enum CommandCapture {
    /// Runs the command and stores what it prints.
    ///
    /// Throws `CommandRun.Failure` where it failed: what it printed until then is named by nothing. Throws
    /// `ArchiveError` where the store fails.
    static func run(_ name: String, _ command: CommandRun, _ writer: StoreWriter) async throws
        -> SnapshotSource
    {
        var content = ContentWriter(writer)
        _ = try await command.stream { bytes in try await content.append(bytes.array) }
        var tree = EntryTreeWriter(writer)
        // No time of its own: the same output makes the same tree. A restore gives it the snapshot's.
        try await tree.add(
            Entry(path: Array(name.utf8), kind: .file(try await content.finish()), mode: 0o600))
        return SnapshotSource(
            name: name, kind: .command, status: .complete, root: try await tree.finish(),
            facts: [command.fact])
    }
}

extension CommandRun {
    /// The words of the command, each followed by a NUL.
    var fact: SourceFact { SourceFact("command", arguments.flatMap { Array($0.utf8) + [0] }) }
}

extension RawSpan {
    /// The bytes in an array.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
