internal import ArgumentParser
internal import Assembly
internal import Backups

/// What the command line says about how sources are captured.
struct CaptureOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Of directories, take only this; repeatable.", valueName: "pattern"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Of directories, leave this out; repeatable.", valueName: "pattern"))
    var exclude: [String] = []

    @Flag(help: "Leave out what is mounted beneath directories.")
    var oneFileSystem = false

    @Option(
        help: ArgumentHelp(
            "Run this by sh before the source of that name is captured; where it fails, the source has failed.",
            valueName: "name=cmd"))
    var before: [String] = []

    @Option(
        help: ArgumentHelp(
            "Run this by sh after the source of that name was captured, or could not be.",
            valueName: "name=cmd"))
    var after: [String] = []

    @Option(
        help: ArgumentHelp(
            "What takes the output of the command of that name back from its standard input; recorded with it.",
            valueName: "name=cmd"))
    var restore: [String] = []

    @Option(help: ArgumentHelp("Seconds that a command may take.", valueName: "seconds"))
    var commandTimeout: Int64 = 3_600

    @Option(help: ArgumentHelp("Seconds that what runs before and after may take.", valueName: "seconds"))
    var hookTimeout: Int64 = 60

    @Option(
        help: ArgumentHelp(
            "The share that a directory or a command's output may lose since the last time; nearly all by default.",
            valueName: "percent"))
    var maximumShrink: Int = 99

    func validate() throws {
        guard commandTimeout > 0, hookTimeout > 0 else {
            throw ValidationError("a time-out has at least one second")
        }
        guard (0...100).contains(maximumShrink) else {
            throw ValidationError("--maximum-shrink: a share from 0 to 100")
        }
    }

    /// Whether nothing is said.
    var isEmpty: Bool {
        [include, exclude, before, after, restore].allSatisfy(\.isEmpty) && !oneFileSystem
            && commandTimeout == 3_600 && hookTimeout == 60 && maximumShrink == 99
    }

    /// NAME and COMMAND of `text`.
    static func named(_ text: String, _ option: String) throws -> (name: String, command: String) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Failure(.usage, "\(option): expected NAME=COMMAND") }
        return (parts[0], parts[1])
    }

    /// What is taken of directories.
    func selection() throws -> DirectorySelection {
        var selection = DirectorySelection()
        selection.include = try include.map { try CaptureOptions.pattern($0, "--include") }
        selection.exclude = try exclude.map { try CaptureOptions.pattern($0, "--exclude") }
        selection.staysOnFileSystem = oneFileSystem
        return selection
    }

    private static func pattern(_ text: String, _ option: String) throws -> PathPattern {
        guard let pattern = PathPattern(text) else {
            throw Failure(
                .usage,
                "\(option) \(text): expected a path below the directory, no slash at either end, no . or ..")
        }
        return pattern
    }

    /// A run of `script` by sh.
    func run(_ script: String, seconds: Int64, minimumByteCount: UInt64 = 0) -> CommandRun {
        CommandRun(script: script, seconds: seconds, minimumByteCount: minimumByteCount)
    }

    /// What takes back the output of the command `name`.
    func restoring(_ name: String) throws -> CommandRun? {
        try CaptureOptions.only(restore, "--restore", name).map { run($0, seconds: commandTimeout) }
    }

    /// `sources` with their rules. Throws `usage` where a source is named that there isn't.
    func ruled(_ sources: [BackupSource]) throws -> [BackupSource] {
        let names = Set(sources.map(\.name))
        for (option, texts) in [("--before", before), ("--after", after), ("--restore", restore)] {
            for text in texts {
                let name = try CaptureOptions.named(text, option).name
                guard names.contains(name) else {
                    throw Failure(.usage, "\(option): no source is called \(name)")
                }
            }
        }
        return try sources.map { source in
            var rules = SourceRules()
            rules.before = try hook(before, "--before", source.name)
            rules.after = try hook(after, "--after", source.name)
            rules.maximumShrink = maximumShrink
            return .ruled(source, rules)
        }
    }

    private func hook(_ texts: [String], _ option: String, _ name: String) throws -> SourceHook? {
        try CaptureOptions.only(texts, option, name).map { SourceHook(run($0, seconds: hookTimeout)) }
    }

    private static func only(_ texts: [String], _ option: String, _ name: String) throws -> String? {
        let found = try texts.map { try named($0, option) }.filter { $0.name == name }
        guard found.count <= 1 else { throw Failure(.usage, "\(option): more than one for \(name)") }
        return found.first?.command
    }
}

extension CommandRun {
    /// A run of `script` by sh, with the environment that commands get.
    init(script: String, seconds: Int64, minimumByteCount: UInt64 = 0) {
        self.init(
            arguments: ["/bin/sh", "-c", script], deadline: .seconds(seconds),
            minimumByteCount: minimumByteCount)
        environment = CommandEnvironment.own
    }
}
