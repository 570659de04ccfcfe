/// A PostgreSQL server on a Unix socket, with a cluster of its own that goes with it.
package final class PostgresServer: Sendable {
    /// The directory of its socket: what `-h` takes. Anybody may connect, as `postgres`.
    package let socket: String

    /// The directory of the server's programs; nil where there are none.
    private static let programs: String? = {
        let found = ShellCommand.run(
            "/bin/sh", ["-c", "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1"]
        ).text
        return found.isEmpty ? nil : found
    }()

    /// Whether there is a PostgreSQL to be started.
    package static var isInstalled: Bool { programs != nil }

    /// Runs `script` as the user who owns the cluster: servers refuse to run as root.
    private static func run(_ script: String, _ arguments: String...) -> ShellCommand.Outcome {
        let words = ["-euc", script, "sh"] + arguments
        let isRoot = ShellCommand.run("id", ["-u"]).text == "0"
        return isRoot
            ? ShellCommand.run("runuser", ["-u", "postgres", "--", "/bin/sh"] + words, directory: "/")
            : ShellCommand.run("/bin/sh", words, directory: "/")
    }

    /// Makes a cluster and starts it. Traps where that fails.
    package init() {
        let made = PostgresServer.run(
            """
            place=$(mktemp -d /tmp/strongroom-pg-XXXXXX)
            "$1/initdb" -D "$place/data" -A trust -U postgres -N >"$place/log" 2>&1
            "$1/pg_ctl" -D "$place/data" -l "$place/log" -w -t 3600 \\
                -o "-k $place -c listen_addresses='' -c fsync=off" start >/dev/null 2>&1
            chmod 755 "$place"
            echo "$place"
            """, PostgresServer.programs ?? "")
        precondition(made.status == 0, "PostgreSQL: \(made.errorText)")
        socket = made.text
    }

    deinit {
        _ = PostgresServer.run(
            "\"$1/pg_ctl\" -D \"$2/data\" -m immediate stop >/dev/null 2>&1 || :; rm -rf \"$2\"",
            PostgresServer.programs ?? "", socket)
    }

    /// Runs SQL in `database`; what it gives, a row a line.
    @discardableResult
    package func query(_ sql: String, in database: String = "postgres") -> String {
        let outcome = ShellCommand.run(
            "psql",
            ["-h", socket, "-U", "postgres", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql])
        precondition(outcome.status == 0, "\(sql): \(outcome.errorText)")
        return outcome.text
    }

    /// A plain dump of `database`, without the lines that differ from call to call.
    package func dump(_ database: String) -> String {
        let outcome = ShellCommand.run("pg_dump", ["-h", socket, "-U", "postgres", database])
        precondition(outcome.status == 0, outcome.errorText)
        return outcome.text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("\\restrict ") && !$0.hasPrefix("\\unrestrict ") }.joined(separator: "\n")
    }
}
