internal import Glibc

/// What the commands of backups, restores and drills find in their environment: where programs and the user's files are, the
/// language and the time zone, and what the clients of databases read. The rest stays here: keys to buckets, variables of
/// Strongroom's, what the service manager passes on.
package enum CommandEnvironment {
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR",
    ]
    private static let prefixes = ["LC_", "PG", "MYSQL_", "MARIADB_"]

    /// The variables among `variables` that commands get; PATH is the system's where there is none.
    package static func passed(of variables: [String: String]) -> [String: String] {
        let passed = variables.filter { name, _ in
            names.contains(name) || prefixes.contains { name.hasPrefix($0) }
        }
        return passed.merging([
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ]) { own, _ in own }
    }

    /// What commands get of this process's environment. What is not UTF-8 is not passed.
    package static var own: [String: String] {
        var variables: [String: String] = [:]
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            if let text = unsafe String(validatingCString: entry), let end = text.firstIndex(of: "=") {
                variables[String(text[..<end])] = String(text[text.index(after: end)...])
            }
            unsafe next += 1
        }
        return passed(of: variables)
    }
}
