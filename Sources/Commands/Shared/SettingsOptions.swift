internal import ArgumentParser
internal import Files
internal import Settings

/// The settings file, on every verb that reads one.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The settings file. Default: /etc/strongroom/strongroom.yaml, then the user's.", valueName: "file"
        ))
    var config: String?

    /// Reads the settings that are named, or the first that are there.
    func read() throws -> Settings {
        let file = try path()
        return try Failure.about(file) { try Settings(parsing: try SettingsOptions.content(file)) }
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

    /// The bytes of a settings file.
    static func content(_ file: String) throws -> [UInt8] {
        let whole = Path(file)
        do {
            return try Directory(whole.parent).read(whole.name, limit: 1 << 20)
        } catch  where [.isDirectory, .notRegular, .isLink, .notDirectory].contains(error.code) {
            throw Failure(.usage, error.description)
        }
    }
}
