internal import ArgumentParser
internal import Glibc
internal import Sodium

/// The command line: one subcommand a file. Standard output is data, standard error is prose; every failure is one
/// line that names what it happened to, then hints.
struct Strongroom: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strongroom",
        abstract: "Seal secrets into Git, deliver what a commit says, restore the environment at a commit.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Secrets",
                subcommands: [
                    InitCommand.self, SealCommand.self, SetCommand.self, UnsetCommand.self,
                    GenerateCommand.self, OpenCommand.self, EditCommand.self, ExecCommand.self,
                    RenderCommand.self, ResealCommand.self,
                    RebindCommand.self, ExplainCommand.self, CheckCommand.self, KeysCommand.self,
                ]),
            CommandGroup(name: "Git", subcommands: [GitCommand.self]),
            CommandGroup(name: "Delivery", subcommands: [SyncCommand.self]),
            CommandGroup(
                name: "Backups",
                subcommands: [
                    StoreCommand.self, BackupCommand.self, SnapshotsCommand.self,
                    RestoreCommand.self,
                ]),
        ])

    /// Runs the program: guards the process, reads the arguments, runs the verb, and ends with its exit code.
    static func start() async -> Never {
        do {
            try Process.harden()
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
        // The parser's own refusals name the argument and show the usage.
        guard parserCode != .validationFailure else {
            Console.text(usageMessage(fullMessage(for: error)), toError: true)
            return Failure.Code.usage.rawValue
        }
        let failure = Failure(error)
        Console.note("strongroom: error: \(failure.message)")
        for hint in failure.hints { Console.note("strongroom: hint: \(hint)") }
        return failure.code.rawValue
    }
}

extension Strongroom {
    /// The parser's message (`Error: Unknown option '--x'`, then usage lines) in the words of all other failures.
    static func usageMessage(_ text: String) -> String {
        let message = text.hasPrefix("Error: ") ? text.dropFirst("Error: ".count) : text[...]
        return "strongroom: error: \(message.prefix(1).lowercased())\(message.dropFirst())"
    }
}

/// The program, for its executable.
package enum Program {
    /// Runs the verb that the arguments name, and ends the process with its exit code.
    package static func start() async -> Never { await Strongroom.start() }
}
