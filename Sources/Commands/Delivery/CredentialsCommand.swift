internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Files
internal import Glibc
internal import Settings

/// `strongroom credentials`: serves the credentials of systemd's units, and nothing else.
struct CredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials", abstract: "Serve the credentials of systemd's units from memory.",
        discussion: """
            For a host without 'serve': opens what the environment's targets of the kind 'credentials' name, serves it on \
            their sockets until SIGTERM, and looks at the source again at each interval. What can't be opened anew stays \
            as it was. Says on standard error who asked for what.
            """)

    @Argument(help: ArgumentHelp("The environment in the settings.", valueName: "env"))
    var environment: String

    @Option(help: ArgumentHelp("How often the source is looked at, in seconds.", valueName: "seconds"))
    var interval = 60

    @OptionGroup var settingsFile: SettingsOptions
    @OptionGroup var identities: IdentityOptions

    func validate() throws {
        guard (1...86_400).contains(interval) else { throw ValidationError("--interval takes 1 to 86400") }
    }

    func run() async throws {
        let settings = try settingsFile.read()
        let request = EnvironmentSync.Request(
            environment: try settings.environment(environment), state: settings.state,
            pins: StateFiles.pins(settings.state), author: Process.author,
            zone: try Zones.rules(settings.zone),
            process: FetchChildCommand.process, user: geteuid())
        let service = try CredentialService(
            request, identities: try identities.load(defaults: settings.identities),
            signers: SettingsOptions.reader)
        for line in try service.refresh(at: Process.now) { Console.note("strongroom: \(line)") }
        SignalWatch.begin()
        defer { SignalWatch.end() }
        let server = Task { try await service.serve { Console.note("strongroom: \($0)") } }
        var waited = 0
        while SignalWatch.received == nil, !server.isCancelled {
            try? await Task.sleep(for: .milliseconds(200))
            waited += 1
            guard waited >= interval * 5 else { continue }
            waited = 0
            do {
                for line in try service.refresh(at: Process.now) { Console.note("strongroom: \(line)") }
            } catch {
                Console.note("strongroom: \(Failure(error).message)")
            }
        }
        server.cancel()
        try await server.value
    }
}
