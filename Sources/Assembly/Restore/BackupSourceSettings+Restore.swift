internal import Archives
internal import Backups
internal import Files
internal import Settings

extension BackupSourceSettings {
    /// The path of a directory source.
    var directoryPath: String? {
        guard case .directory(let directory) = kind else { return nil }
        return directory.path
    }

    /// Whether what is captured of a directory is not all of it.
    var isPartial: Bool {
        guard case .directory(let directory) = kind else { return false }
        return !directory.include.isEmpty || !directory.exclude.isEmpty || directory.staysOnFileSystem
    }

    /// What takes a command source's output back from its standard input.
    var restoring: CommandRun? {
        guard case .command(let command) = kind else { return nil }
        return command.restore.map { CommandRun($0.program) }
    }
}

extension SnapshotSource {
    /// Whether a directory's snapshot does not hold all of it.
    var isPartOfDirectory: Bool {
        facts.contains { ["include", "exclude", "one-file-system"].contains($0.name) }
    }
}

extension CommandRun {
    /// The same with a file as its standard input.
    func reading(_ file: Path) -> CommandRun {
        var run = self
        run.input = file
        return run
    }
}
