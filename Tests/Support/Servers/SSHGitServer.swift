import Glibc

/// OpenSSH's sshd on this machine, on a port of its own, for the user who runs the tests.
package final class SSHGitServer: Sendable {
    /// The port.
    package let port: UInt16
    /// Private key files: that of the user whom it lets in, and one that it does not know.
    package let (key, foreignKey): (String, String)
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-sshd")

    /// What a test that needs it says when it is left out.
    package static let absence = "sshd is not installed"

    /// Whether the program is here, or has to be (CI).
    package static var isExpected: Bool { unsafe access("/usr/sbin/sshd", X_OK) == 0 || Vectors.isCI }

    /// The name of the user who runs the tests.
    package static var user: String { ShellCommand.run("id", ["-un"]).text }

    /// Starts a server with a host key of each type of `types`, on `port` where that is given.
    package init(port: UInt16? = nil, hostKeys types: [String] = ["ed25519"]) {
        self.port = port ?? BackgroundProcess.freePort()
        (key, foreignKey) = (scratch.file("user"), scratch.file("foreign"))
        func make(_ type: String, _ file: String) {
            let made = ShellCommand.run("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", file])
            precondition(made.status == 0, made.errorText)
        }
        for file in [key, foreignKey] { make("ed25519", file) }
        for type in types { make(type, scratch.file("host-\(type)")) }
        // sshd wants this place where it is started as root.
        if getuid() == 0 { unsafe mkdir("/run/sshd", 0o755) }
        let text =
            """
            Port \(self.port)
            ListenAddress 127.0.0.1
            AuthorizedKeysFile \(key).pub
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/nonexistent

            """ + types.map { [scratch] in "HostKey \(scratch.file("host-\($0)"))\n" }.joined()
        ScratchRepository(at: scratch.path).write("sshd_config", text)
        process = BackgroundProcess(
            "/usr/sbin/sshd", ["-D", "-e", "-f", scratch.file("sshd_config")], log: scratch.file("log"))
        BackgroundProcess.awaitPort(self.port, log: scratch.file("log"))
    }

    /// The URL of the repository at an absolute path.
    package func url(_ path: String, host: String = "localhost") -> String {
        "ssh://\(SSHGitServer.user)@\(host):\(port)\(path)"
    }

    /// Lines of a file of known hosts for the host keys of `types`.
    package func knownHosts(_ types: [String] = ["ed25519"], host: String = "localhost") -> String {
        types.map { type in
            "[\(host)]:\(port) \(ShellCommand.run("cat", [scratch.file("host-\(type).pub")]).text)\n"
        }.joined()
    }

    /// Ends the server.
    package func end() { process.end() }

    /// Starts an ssh-agent with the user's key; its socket, and the process that ends it.
    package func agent() -> (socket: String, process: BackgroundProcess) {
        let socket = scratch.file("agent")
        let agent = BackgroundProcess("ssh-agent", ["-D", "-a", socket], log: scratch.file("agent-log"))
        let environment = ScratchRepository.environment.merging(["SSH_AUTH_SOCK": socket]) { $1 }
        // The socket has its name before anybody listens.
        var added = ShellCommand.run("ssh-add", ["-q", key], environment: environment)
        for _ in 0..<6_000 where added.status != 0 {
            usleep(20_000)
            added = ShellCommand.run("ssh-add", ["-q", key], environment: environment)
        }
        precondition(added.status == 0, added.errorText)
        return (socket, agent)
    }
}
