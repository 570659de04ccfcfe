internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Glibc
internal import Settings

/// `strongroom serve`: the service.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Keep every environment of the settings as its sources say, until SIGTERM.",
        discussion: """
            Polls the sources, delivers what is approved, looks for drift, takes snapshots by schedule, and answers \
            'strongroom status' over a Unix socket. SIGHUP reads the settings again. systemd is told of start, stop and \
            life where it asks (Type=notify, WatchdogSec). A second service on one state directory ends with code 8.
            """)

    @Option(help: ArgumentHelp("What is logged: error, warning, notice, info or debug.", valueName: "level"))
    var logLevel = "info"

    @OptionGroup var settingsFile: SettingsOptions

    func validate() throws {
        guard level != nil else {
            throw ValidationError("--log-level takes error, warning, notice, info or debug")
        }
    }

    private var level: ServiceOptions.LogLevel? {
        ServiceOptions.LogLevel.allCases.first { $0.name == logLevel }
    }

    func run() async throws {
        let file = try settingsFile.path()
        let log = ServiceLog(level: level ?? .info, isForJournal: Process.variable("JOURNAL_STREAM") != nil)
        let options = ServiceOptions(
            settingsFile: file,
            settings: { try SettingsOptions.read(file) },
            identities: { paths in
                // Nobody is there to type a passphrase.
                try IdentityOptions.unattended().load(paths)
            },
            file: SettingsOptions.reader,
            describe: { error in
                let failure = Failure(error)
                return (failure.code.rawValue, failure.message)
            },
            log: { level, text in log.write(level, text) }, process: FetchChildCommand.process,
            user: geteuid(), buckets: BucketVariables.access,
            author: "service",
            version: Strongroom.configuration.version, notifySocket: Process.variable("NOTIFY_SOCKET"),
            watchdogMicroseconds: Process.variable("WATCHDOG_USEC").flatMap(UInt64.init))
        try await Program.serve(options)
    }
}

/// Lines of the service's log on standard error: with the time, or with a level that systemd's journal understands.
struct ServiceLog: Sendable {
    let level: ServiceOptions.LogLevel
    let isForJournal: Bool

    /// The time to the second.
    private static var time: String { "\(Timestamp(seconds: Process.now.seconds) ?? Process.now)" }

    /// Writes a line where the level asks for it.
    func write(_ level: ServiceOptions.LogLevel, _ text: String) {
        guard level <= self.level else { return }
        // syslog(3): 3 is an error, 7 is debugging.
        let head = isForJournal ? "<\(level.rawValue + 3)>" : "\(ServiceLog.time) \(level.name) "
        Console.note(head + text)
    }
}
