internal import ArgumentParser
internal import Assembly
internal import FoundationEssentials
internal import Settings

/// `strongroom status`: how every environment stands, from the service where it runs, else from its journal.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how each environment stands, with or without a running service.",
        discussion: """
            A line for each environment: commit wanted and applied, health, drift, last sync, newest snapshot and drill. Below \
            it, why an environment is not as its source wants it, and what to do; for one that is named, everything. A drill that \
            failed, or is overdue by its schedule, is told whatever else is so.
            """)

    @Argument(help: ArgumentHelp("Environments of the settings; all where none is named.", valueName: "env"))
    var environments: [String] = []

    @Flag(help: "Print everything as JSON.")
    var json = false

    @OptionGroup var settingsFile: SettingsOptions

    func run() throws {
        let settings = try settingsFile.read()
        for name in environments { _ = try settings.environment(name) }
        // The service may be asked by who can't read its state.
        var document = try StatusCommand.ask(settings) ?? StatusDocument(settings)
        if !environments.isEmpty {
            document.environments = document.environments.filter { environments.contains($0.name) }
        }
        guard !json else { return try Console.json(document) }
        StatusReport(document, at: Process.now).print(isWhole: !environments.isEmpty)
    }

    /// What the service says; nil where none answers.
    private static func ask(_ settings: Settings) -> StatusDocument? {
        let socket = settings.api?.socket ?? StateFiles.socket(settings.state)
        guard let body = SocketRequest.get("/v1/status", at: socket) else { return nil }
        return try? JSONDecoder().decode(StatusDocument.self, from: Data(body))
    }
}
