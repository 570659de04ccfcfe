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
            Commit wanted and applied, health, drift, the newest snapshot and drill, and why an environment is not as its \
            source wants it.
            """)

    @Argument(help: ArgumentHelp("Environments of the settings; all where none is named.", valueName: "env"))
    var environments: [String] = []

    @Flag(help: "Print everything as JSON.")
    var json = false

    @OptionGroup var settingsFile: SettingsOptions

    func run() throws {
        let settings = try settingsFile.read()
        for name in environments { _ = try settings.environment(name) }
        var document = try StatusDocument(settings)
        if let answer = StatusCommand.ask(settings) { document.service = answer }
        if !environments.isEmpty {
            document.environments = document.environments.filter { environments.contains($0.name) }
        }
        guard !json else { return try Console.json(document) }
        show(document)
    }

    /// What the service says of itself; nil where none answers.
    private static func ask(_ settings: Settings) -> StatusDocument.Service? {
        let socket = settings.api?.socket ?? StateFiles.socket(settings.state)
        guard let body = SocketRequest.get("/v1/status", at: socket) else { return nil }
        return try? JSONDecoder().decode(StatusDocument.self, from: Data(body)).service
    }

    private func show(_ document: StatusDocument) {
        if let service = document.service {
            Console.print("service runs since \(toSecond(service.since)) (process \(service.process))")
        } else {
            Console.print("no service answers; what its journal says:")
        }
        let rows = document.environments.map { environment in
            [
                environment.name, short(environment.wanted?.commit), short(environment.applied?.commit),
                environment.health, environment.drift.isEmpty ? "-" : "\(environment.drift.count)",
                environment.lastSnapshot.map { "\(toSecond($0.time)) \($0.status)" } ?? "-",
                environment.lastDrill.map { "\(toSecond($0.time)) \($0.outcome)" } ?? "-",
                environment.isWell ? "ok" : "see below",
            ]
        }
        Console.table(
            ["ENVIRONMENT", "WANTED", "APPLIED", "HEALTH", "DRIFT", "SNAPSHOT", "DRILL", "STATE"], rows)
        for environment in document.environments {
            if let reason = environment.whyNot { Console.print("\(environment.name): \(reason)") }
            for item in environment.drift {
                let evidence = item.evidence.isEmpty ? "" : " (\(item.evidence))"
                Console.print(
                    "\(environment.name): drift: \(item.kind) \(item.target)/\(item.path)\(evidence) since \(toSecond(item.since))"
                )
            }
            for order in environment.quarantined where environment.wanted?.commit != order.commit {
                Console.print(
                    "\(environment.name): commit \(order.commit ?? "") is quarantined: \(order.reason)")
            }
            for loop in document.service?.loops ?? [] where loop.environment == environment.name {
                guard let error = loop.error else { continue }
                Console.print("\(environment.name): \(loop.failures) failed in a row: \(error)")
            }
        }
    }

    /// An RFC 3339 time without its fraction.
    private func toSecond(_ time: String) -> String { time.contains(".") ? "\(time.prefix(19))Z" : time }

    private func short(_ commit: String?) -> String { commit.map { String($0.prefix(12)) } ?? "-" }
}
