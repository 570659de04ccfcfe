internal import ArgumentParser
internal import Assembly
internal import Files
internal import Glibc
internal import Settings

/// The settings file, on every verb that reads one.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The settings file. Default: /etc/strongroom/strongroom.yaml, then the user's.", valueName: "file"
        ))
    var config: String?

    /// Reads the settings that are named, or the first that are there.
    func read() throws -> Settings { try SettingsOptions.read(try path()) }

    /// Reads the settings at `file`.
    static func read(_ file: String) throws -> Settings {
        try Failure.about(file) {
            let settings = try Settings(parsing: try content(file))
            try SourceAccess.check(settings)
            try StorePlace.check(settings)
            return settings
        }
    }

    /// The path of the settings file.
    func path() throws -> String {
        if let config { return config }
        let candidates = try Locations.settings()
        for candidate in candidates {
            let whole = Path(candidate)
            if let directory = try? Directory(whole.parent),
                (try? directory.metadataIfPresent(of: whole.name)) ?? nil != nil
            {
                return candidate
            }
        }
        throw Failure(
            .usage, "no settings file: neither \(candidates.joined(separator: " nor "))",
            hints: ["--config FILE names one"])
    }

    /// Reads a file that the settings name, as `content`; a failure names it.
    static let reader: @Sendable (String) throws -> [UInt8] = { path in
        try Failure.about(path) { try content(path) }
    }

    /// The bytes of a settings file. Throws `refused` where every user of the machine can write to it.
    static func content(_ file: String) throws -> [UInt8] {
        do {
            return try checkedContent(Path(file))
        } catch let error as FileError
            where [.isDirectory, .notRegular, .isLink, .notDirectory].contains(error.code)
        {
            throw Failure(.usage, error.description)
        }
    }

    private static func checkedContent(_ file: Path) throws -> [UInt8] {
        let content = try Directory(file.parent).openFile(file.name)
        let facts = try content.metadata()
        try Failure.requireNotWritableByAll(facts, file.name.description)
        let owner = facts.owner.user
        guard owner == geteuid() || owner == 0 else {
            throw Failure(
                .refused,
                "\(file.name): belongs to user \(owner), who is neither root nor the one who runs this",
                hints: ["chown it to one of them"])
        }
        return try content.readAll(limit: 16 << 20)
    }
}
