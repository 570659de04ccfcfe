internal import ArgumentParser

/// `strongroom store`: archive stores.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Make and look after archive stores.",
        subcommands: [
            StoreInitCommand.self, StoreInfoCommand.self, StoreCheckCommand.self, StoreCopyCommand.self,
            StoreProbeCommand.self, StorePruneCommand.self, StoreRebuildIndexCommand.self,
            StoreKeysCommand.self,
        ])
}
