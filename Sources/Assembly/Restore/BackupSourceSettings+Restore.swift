internal import Backups
internal import Files
internal import Settings

extension BackupSourceSettings {
    /// The path of a directory source.
    var directoryPath: String? {
        guard case .directory(_, let path) = self else { return nil }
        return path
    }

    /// What takes a command source's output back from its standard input.
    var restoring: CommandRun? { nil }
}

extension CommandRun {
    /// The same with a file as its standard input.
    func reading(_ file: Path) -> CommandRun { self }

    /// Runs it for what it does.
    func run() async throws { _ = try await stream { _ in } }
}
