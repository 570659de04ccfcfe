internal import ArgumentParser

/// `strongroom git`: what Git itself calls, and the verbs that tell it to.
struct GitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "git", abstract: "Readable diffs, merges by key, and a hook that refuses plaintext.",
        subcommands: [
            GitInstallCommand.self, GitUninstallCommand.self, GitTextconvCommand.self, GitMergeCommand.self,
            GitPreCommitCommand.self,
        ])
}
