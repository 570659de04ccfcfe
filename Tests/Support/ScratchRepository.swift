import Glibc

/// A Git repository that a test drives through the `git` binary, cut off from the user's and the system's
/// configuration, with fixed author, committer and times.
package struct ScratchRepository: Sendable {
    /// The work tree, or the bare repository itself.
    package let path: String

    /// Environment of every call: no outer configuration, no prompts, fixed names and times.
    package static let environment = [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_AUTHOR_DATE": "1700000000 +0100", "GIT_COMMITTER_NAME": "Grace",
        "GIT_COMMITTER_EMAIL": "grace@example.org", "GIT_COMMITTER_DATE": "1700000100 -0230",
    ]

    /// Makes a new repository at `path` with the branch `main`.
    package init(creating path: String, bare: Bool = false) {
        self.path = path
        let made = ScratchRepository.git(["init", "-q", "-b", "main"] + (bare ? ["--bare"] : []) + [path])
        precondition(made.status == 0, "git init: \(made.errorText)")
    }

    /// Names a repository that is there already.
    package init(at path: String) { self.path = path }

    /// Runs `git` outside any repository.
    @discardableResult
    package static func git(
        _ arguments: [String], directory: String? = nil, stdin: [UInt8] = [], adding: [String: String] = [:]
    ) -> ShellCommand.Outcome {
        ShellCommand.run(
            "git", arguments, environment: environment.merging(adding) { $1 }, directory: directory,
            stdin: stdin)
    }

    /// Runs `git` in the repository, whatever comes of it.
    @discardableResult
    package func run(
        _ arguments: String..., stdin: [UInt8] = [], adding: [String: String] = [:]
    ) -> ShellCommand.Outcome {
        ScratchRepository.git(["-C", path] + arguments, stdin: stdin, adding: adding)
    }

    /// Runs `git` in the repository, must succeed, and returns what it printed. Traps otherwise.
    @discardableResult
    package func git(_ arguments: String..., stdin: [UInt8] = [], adding: [String: String] = [:]) -> String {
        let outcome = ScratchRepository.git(["-C", path] + arguments, stdin: stdin, adding: adding)
        precondition(outcome.status == 0, "git \(arguments): \(outcome.errorText)")
        return outcome.text
    }

    /// Writes a file of the work tree, with the directories above it.
    package func write(_ name: String, _ content: String) { write(name, Array(content.utf8)) }

    /// Writes a file of the work tree, with the directories above it.
    package func write(_ name: String, _ content: [UInt8]) {
        var directory = path
        for part in name.split(separator: "/").dropLast() {
            directory += "/\(part)"
            unsafe mkdir(directory, 0o755)
        }
        let file = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        precondition(file >= 0, "open \(name): errno \(errno)")
        defer { close(file) }
        var rest = content[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            precondition(count > 0, "write: errno \(errno)")
            rest = rest.dropFirst(count)
        }
    }

    /// Commits everything that the work tree holds and returns the commit's id in hex.
    @discardableResult
    package func commit(_ message: String) -> String {
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", message)
        return git("rev-parse", "HEAD")
    }

    /// Stores raw bytes as an object of `type` (blob, tree, commit, tag), however malformed; its id in hex.
    @discardableResult
    package func object(_ type: String, _ bytes: [UInt8]) -> String {
        git("hash-object", "-t", type, "-w", "--stdin", "--literally", stdin: bytes)
    }
}
