internal import ArgumentParser
package import Assembly
internal import Glibc
internal import Sodium
internal import Synchronization

/// The command line: one subcommand a file. Standard output is data, standard error is prose; every failure is one
/// line that names what it happened to, then hints.
struct Strongroom: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strongroom",
        abstract: "Seal secrets into Git, deliver what a commit says, restore the environment at a commit.",
        discussion: """
            Exit codes:
              0   done; everything asked for holds
            \(codes)
              141 nobody reads standard output any more, as after head

            Variables:
              STRONGROOM_IDENTITY   the identity file, where --identity names none
              STRONGROOM_TRUST      ENVIRONMENT=FINGERPRINT of trusted keyrings, joined by commas
              STRONGROOM_STORE      the archive store, where --store names none
              AWS_ACCESS_KEY_ID     with AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else AWS_PROFILE of
                                    AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials: for stores in buckets
              AWS_REGION            and AWS_ENDPOINT_URL, AWS_CA_BUNDLE: how a bucket is reached, where neither its URL
                                    nor settings say so
              XDG_CONFIG_HOME       strongroom/identity, strongroom/strongroom.yaml; else ~/.config
              XDG_STATE_HOME        strongroom/pins: the keyrings that were seen before; else ~/.local/state
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Secrets",
                subcommands: [
                    InitCommand.self, SealCommand.self, SetCommand.self, UnsetCommand.self,
                    GenerateCommand.self, OpenCommand.self, EditCommand.self, ExecCommand.self,
                    RenderCommand.self, ResealCommand.self,
                    RebindCommand.self, ExplainCommand.self, CheckCommand.self, DoctorCommand.self,
                    KeysCommand.self,
                ]),
            CommandGroup(name: "Git", subcommands: [GitCommand.self]),
            CommandGroup(
                name: "Delivery",
                subcommands: [
                    SyncCommand.self, ServeCommand.self, StatusCommand.self, DriftCommand.self,
                    RollbackCommand.self, SuspendCommand.self, ResumeCommand.self, AuditCommand.self,
                    CredentialsCommand.self, FetchChildCommand.self,
                ]),
            CommandGroup(
                name: "Backups",
                subcommands: [
                    StoreCommand.self, BackupCommand.self, SnapshotsCommand.self,
                    RestoreCommand.self, DrillCommand.self,
                ]),
        ])

    private static var codes: String {
        let lines: [String] = Failure.Code.allCases.map { code in
            let gap = code.rawValue < 10 ? "   " : "  "
            return "  \(code.rawValue)\(gap)\(code.words)"
        }
        return lines.joined(separator: "\n")
    }

    /// Runs the program: guards the process, reads the arguments, runs the verb, and ends with its exit code.
    static func start() async -> Never {
        do {
            try Process.harden()
            if let number = Process.firstForeignArgument {
                throw Failure(
                    .usage, "argument \(number) is not UTF-8",
                    hints: [
                        "seal, check and reseal take such file names from --paths-from, separated by zero bytes",
                        "snapshots ls, cat, export, diff and find take paths in hexadecimal digits with --hex",
                    ])
            }
            var command = try parseVerb()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            try Console.finish()
            Glibc.exit(0)
        } catch {
            Glibc.exit(report(error))
        }
    }

    /// Verbs that are run once a file, with the words that name them.
    private static let quickVerbs: [(words: [String], verb: any ParsableCommand.Type)] = [
        (["open"], OpenCommand.self), (["git", "textconv"], GitTextconvCommand.self),
    ]

    /// The verb that the arguments name.
    ///
    /// The parser makes every verb ready before it looks for one, which takes as long as opening a file does: quick
    /// verbs are parsed by themselves. Whatever is not plain (help, a mistake) takes the long way, too.
    private static func parseVerb() throws -> any ParsableCommand {
        let arguments = CommandLine.arguments.dropFirst()
        for (words, verb) in quickVerbs where arguments.starts(with: words) {
            guard let command = try? verb.parse(Array(arguments.dropFirst(words.count))) else { break }
            return command
        }
        return try parseAsRoot()
    }

    /// Prints what happened and gives the exit code.
    private static func report(_ error: any Error) -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        let parserCode = exitCode(for: error)
        guard parserCode != .success else {
            Console.text(fullMessage(for: error), toError: false)
            return 0
        }
        let failure =
            parserCode == .validationFailure ? usageFailure(fullMessage(for: error)) : Failure(error)
        guard failure.message != Console.readerIsGone else { return Console.readerIsGoneCode }
        Console.note("strongroom: error: \(failure.message)")
        for hint in failure.hints { Console.note("strongroom: hint: \(hint)") }
        return failure.code.rawValue
    }
}

extension Strongroom {
    /// What the parser refuses (`Error: Unknown option '--x'`, then usage in several lines) in the form of all other
    /// failures: one line, and where the usage stands.
    static func usageFailure(_ text: String) -> Failure {
        let lines: [Substring] = text.split(separator: "\n")
        var message = lines.first ?? "the arguments can't be read"
        if message.hasPrefix("Error: ") { message = message.dropFirst("Error: ".count) }
        while message.hasSuffix(".") { message.removeLast() }
        let words = "\(message.prefix(1).lowercased())\(message.dropFirst())"
        // "  See 'strongroom seal --help' for more information."
        let see: Substring? = lines.last { $0.hasPrefix("  See '") }
        let parts: [Substring] = see?.split(separator: "'") ?? []
        let hints: [String] = parts.count > 1 ? ["\(parts[1]) shows how it is called"] : []
        return Failure(.usage, words, hints: hints)
    }
}

/// The program, for its executable.
package enum Program {
    /// Runs the service until it is told to stop.
    package typealias Service = @Sendable (ServiceOptions) async throws -> Void

    private static let service = Mutex<Service?>(nil)

    /// Runs the verb that the arguments name, and ends the process with its exit code. `service` is what `serve` runs.
    package static func start(service: @escaping Service) async -> Never {
        Program.service.withLock { $0 = service }
        await Strongroom.start()
    }

    /// Runs the service.
    static func serve(_ options: ServiceOptions) async throws {
        guard let service = service.withLock({ $0 }) else {
            throw Failure(.internalError, "this program has no service in it")
        }
        try await service(options)
    }
}
