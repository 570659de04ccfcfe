internal import ArgumentParser
internal import Assembly
internal import Journal
internal import Settings

/// `strongroom drift`: what differs at the targets from what was delivered there.
struct DriftCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift", abstract: "Say what differs at the targets from what was delivered.",
        discussion: """
            Opens nothing and changes nothing: contents are compared by keyed digests. The exit code is 6 where something \
            differs, else that of the first environment that could not be looked at.
            """)

    @Argument(help: ArgumentHelp("Environments of the settings; all where none is named.", valueName: "env"))
    var environments: [String] = []

    @Flag(help: "Print what differs as JSON.")
    var json = false

    @OptionGroup var settingsFile: SettingsOptions

    private struct Document: Encodable {
        let environment: String
        let target: String
        let path: String
        let kind: String
        let evidence: String
        let since: String
    }

    func run() throws {
        let settings = try settingsFile.read()
        let names = environments.isEmpty ? settings.environments.keys.sorted() : environments
        var found: [Document] = []
        var failures: [Failure] = []
        for name in names {
            let request = EnvironmentSync.Request(
                environment: try settings.environment(name), state: settings.state,
                pins: StateFiles.pins(settings.state), author: Process.author)
            let sync = EnvironmentSync(request, identities: []) { _ in [] }
            do {
                found += try sync.drift(at: Process.now).map { item in
                    Document(
                        environment: name, target: item.target, path: item.path, kind: item.kind,
                        evidence: item.evidence, since: "\(item.since)")
                }
            } catch {
                // One that can't be looked at keeps none of the others from it.
                failures.append(Failure(error))
            }
        }
        if json {
            try Console.json(found)
        } else {
            for item in found {
                let evidence = item.evidence.isEmpty ? "" : " (\(item.evidence))"
                let place = DriftPlace.words(item.target, item.path)
                Console.print("\(item.environment): \(item.kind) \(place)\(evidence)")
            }
        }
        if found.isEmpty, let failure = failures.first {
            for other in failures.dropFirst() { Console.note("strongroom: \(other.message)") }
            throw failure
        }
        for failure in failures { Console.note("strongroom: \(failure.message)") }
        guard found.isEmpty else {
            throw Failure(
                .deliveryFailed, "\(found.count) \(found.count == 1 ? "path differs" : "paths differ")",
                hints: Set(found.map(\.environment)).sorted().map {
                    "strongroom sync \($0) --once puts everything back"
                })
        }
    }
}
