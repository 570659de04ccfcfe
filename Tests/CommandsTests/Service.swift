import Glibc
import Support
import Testing

/// A running `strongroom serve`, ended with SIGKILL where a test leaves it.
final class Service {
    private(set) var process: pid_t = 0
    private let log: String
    private var status: Int32?

    /// Starts the service of the world's settings; its log goes to `host/log` at the finest level.
    init(_ world: World, log: String = "host/log", adding: [String: String] = [:]) {
        self.log = world.path(log)
        let words = [World.program, "serve", "--config", world.settings, "--log-level", "debug"]
        let variables = [
            "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(world.path("home"))", "GIT_CONFIG_GLOBAL=/dev/null",
            "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC",
        ]
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(
            &actions, 1, self.log + ".out", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, self.log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var argv = unsafe words.map { unsafe strdup($0) } + [nil]
        var envp =
            unsafe (variables + adding.map { "\($0.key)=\($0.value)" }).map { unsafe strdup($0) } + [nil]
        let failure = unsafe posix_spawn(&process, World.program, &actions, nil, &argv, &envp)
        precondition(failure == 0, "posix_spawn: errno \(failure)")
        unsafe argv.forEach { unsafe free($0) }
        unsafe envp.forEach { unsafe free($0) }
    }

    deinit { if status == nil { _ = end(SIGKILL) } }

    /// Everything that was logged.
    var text: String { ShellCommand.run("cat", [log]).text }

    /// Sends a signal.
    func signal(_ number: Int32) { kill(process, number) }

    /// Whether the service still runs.
    var isRunning: Bool {
        guard status == nil else { return false }
        var code: Int32 = 0
        guard unsafe waitpid(process, &code, WNOHANG) == process else { return true }
        status = code
        return false
    }

    /// Sends a signal and waits for the end: the exit status, or 128 + signal; and the milliseconds that it took.
    func end(_ number: Int32 = SIGTERM) -> (code: Int32, milliseconds: Int64) {
        let clock = ContinuousClock()
        let start = clock.now
        kill(process, number)
        return (wait(), Int64(start.duration(to: clock.now) / .milliseconds(1)))
    }

    /// Waits for the end.
    func wait() -> Int32 {
        var code: Int32 = status ?? 0
        if status == nil { while unsafe waitpid(process, &code, 0) < 0, errno == EINTR {} }
        status = code
        let signal = code & 0x7F
        return signal == 0 ? (code >> 8) & 0xFF : 128 + signal
    }

    /// Waits until `isSo`, at most five minutes; an issue with the log where it never is.
    func until(_ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () -> Bool) {
        for _ in 0..<3_000 {
            if isSo() { return }
            guard isRunning else { break }
            usleep(100_000)
        }
        Issue.record("never: \(what)\n\(text.suffix(3_000))", sourceLocation: sourceLocation)
    }
}

extension World {
    /// Puts a second between polls, and other settings of the environment below.
    func prepareService(_ environment: String = "", drift: String = "{ interval: 1s }") {
        edit("host/strongroom.yaml", "path: deploy/prod\n", "path: deploy/prod\n        interval: 1s\n")
        edit(
            "host/strongroom.yaml", "    backup:\n", "    drift: \(drift)\n\(environment)    backup:\n")
    }

    /// The text of a delivered file.
    func delivered(_ name: String) -> String { text("host/app/\(name)") }

    /// Commits `text` as deploy/prod/app.yaml; the commit.
    @discardableResult
    func commitApp(_ text: String) -> String {
        config.write("deploy/prod/app.yaml", text)
        return config.commit("Change the app")
    }

    /// One field of the environment prod as `status --json` has it, read by python3; `null` where there is none.
    func status(_ expression: String) -> String {
        let document = run("status", "--json", "--config", settings, in: "host")
        guard document.status == 0 else { return document.errorText }
        let script =
            "import json,sys,collections\n"
            + "d=json.load(sys.stdin, object_hook=lambda o: collections.defaultdict(lambda: None, o))\n"
            + "e=d['environments'][0]; print(json.dumps(\(expression)))"
        let outcome = ShellCommand.run("python3", ["-c", script], stdin: document.stdout)
        return outcome.status == 0 ? outcome.text : outcome.errorText
    }
}
