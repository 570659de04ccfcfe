internal import ArgumentParser
internal import Assembly
internal import Glibc
internal import Settings

/// `strongroom suspend`: leave an environment alone.
struct SuspendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Leave an environment alone until 'resume'; scheduled snapshots go on.")

    @Argument(help: ArgumentHelp("The environment in the settings.", valueName: "env"))
    var environment: String

    @Option(help: ArgumentHelp("Why, for status and audit log.", valueName: "text"))
    var reason = "by hand"

    @OptionGroup var settingsFile: SettingsOptions

    func run() throws {
        let settings = try settingsFile.read()
        try EnvironmentControl(
            try settings.environment(environment), state: settings.state, author: Process.author
        ).suspend(reason: reason, at: Process.now)
        Console.note("strongroom: \(environment): suspended")
    }
}

/// `strongroom resume`: take care of an environment again.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Take care of an environment again: lift suspension, held commit and quarantines.",
        discussion: """
            The next sync follows the source; a commit that failed its health check is tried again. Refused where a restore in \
            place has not come to its end.
            """)

    @Argument(help: ArgumentHelp("The environment in the settings.", valueName: "env"))
    var environment: String

    @OptionGroup var settingsFile: SettingsOptions

    func run() throws {
        let settings = try settingsFile.read()
        let lifted = try EnvironmentControl(
            try settings.environment(environment), state: settings.state, author: Process.author
        ).resume(at: Process.now)
        for line in lifted { Console.note("strongroom: \(environment): no longer \(line)") }
        if lifted.isEmpty { Console.note("strongroom: \(environment): nothing was in the way") }
    }
}

/// `strongroom rollback`: go back to an earlier commit and stay there.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to an earlier commit, and stay there until 'resume'.",
        discussion: """
            Without --to, the last good commit before the present one. The commit is verified like any other, and opens with \
            old epochs too. What the source shows meanwhile is not delivered.
            """)

    @Argument(help: ArgumentHelp("The environment in the settings.", valueName: "env"))
    var environment: String

    @Option(
        help: ArgumentHelp(
            "40 digits, or the beginning of a commit that was applied here.", valueName: "commit"))
    var to: String?

    @Option(help: ArgumentHelp("Why, for status and audit log.", valueName: "text"))
    var reason = "by hand"

    @Flag(help: "Take no snapshot before the change, whatever the settings say.")
    var withoutSnapshot = false

    @OptionGroup var settingsFile: SettingsOptions
    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        let file = try settingsFile.path()
        let settings = try settingsFile.read()
        let environment = try settings.environment(environment)
        let control = try EnvironmentControl(environment, state: settings.state, author: Process.author)
        let identities = try identities.load(defaults: settings.identities)
        let backup = ScheduledBackup(
            environment, settings: settings, settingsFile: file, identities: identities,
            access: FetchChildCommand.access(identities), buckets: BucketVariables.access,
            file: SettingsOptions.reader)
        let sync = EnvironmentSync(
            EnvironmentSync.Request(
                environment: environment, state: settings.state, pins: StateFiles.pins(settings.state),
                author: Process.author, zone: try Zones.rules(settings.zone),
                process: FetchChildCommand.process,
                user: geteuid()),
            identities: identities, signers: SettingsOptions.reader,
            snapshot: withoutSnapshot ? nil : SyncCommand.snapshot(environment, backup))
        let report = try await control.rollBack(
            to: to, reason: reason, by: sync, clock: { Process.now })
        Console.print("\(report.commit) \(report.source)")
        for result in report.results {
            Console.note("strongroom: \(result.target): \(result.summary)")
        }
        Console.note(
            "strongroom: \(self.environment) stays at this commit until strongroom resume \(self.environment)"
        )
    }
}
