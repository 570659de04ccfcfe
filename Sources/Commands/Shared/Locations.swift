/// Where the user's own files are (XDG Base Directory Specification).
enum Locations {
    /// The identity that is used where none is named.
    static func identity() throws -> String { try configuration() + "/strongroom/identity" }

    /// The keyrings and stores that were seen before.
    static func pins() throws -> String { try state() + "/strongroom/pins" }

    /// What ad-hoc runs remember: mirrors, journal.
    static func memory() throws -> String { try state() + "/strongroom/state" }

    /// The settings files, in the order in which they are looked for.
    static func settings() throws -> [String] {
        ["/etc/strongroom/strongroom.yaml", try configuration() + "/strongroom/strongroom.yaml"]
    }

    private static func configuration() throws -> String {
        try directory("XDG_CONFIG_HOME", below: ".config")
    }

    private static func state() throws -> String {
        try directory("XDG_STATE_HOME", below: ".local/state")
    }

    /// The variable's absolute path, else the folder below the home directory.
    private static func directory(_ variable: String, below folder: String) throws -> String {
        if let path = Process.variable(variable), path.hasPrefix("/") { return path }
        guard let home = Process.variable("HOME"), home.hasPrefix("/") else {
            throw Failure(
                .usage, "neither \(variable) nor HOME is set",
                hints: ["name the files with their options instead"])
        }
        return "\(home)/\(folder)"
    }
}
