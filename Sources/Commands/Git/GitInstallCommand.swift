internal import ArgumentParser
internal import Files
internal import Git
internal import Sealing
internal import Sodium

/// `strongroom git install`: tells this repository's Git about the diff, the merge driver and the hook.
struct GitInstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Set up diff, merge driver and pre-commit hook in this repository.",
        discussion: """
            Sets diff.strongroom and merge.strongroom in the repository's own configuration, writes lines for the \
            rules' globs into .gitattributes, and a pre-commit hook where there is none. Every clone does this once; \
            do it again after a change of the rules. Nothing in the work tree is ever opened by it: there is no \
            clean or smudge filter.
            """)

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let setup = GitSetup(root: checkout.root)
        for setting in GitSetup.settings { try await setup.set(setting) }
        let lines = GitAttributes.lines(for: checkout.rules)
        if try setup.rewriteAttributes({ GitAttributes.adding(lines, to: $0) }) {
            Console.note("strongroom: .gitattributes: wrote \(lines.count) lines; commit them")
        } else {
            Console.note("strongroom: .gitattributes: as it should be already")
        }
        try await setup.installHook()
    }
}

/// `strongroom git uninstall`: takes back what install did.
struct GitUninstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Take back what install did in this repository.")

    func run() async throws {
        let setup = GitSetup(root: try Checkout.root(around: "."))
        try await setup.removeSettings()
        if try setup.rewriteAttributes({ GitAttributes.removing(from: $0) }) {
            Console.note("strongroom: .gitattributes: took our lines out; commit that")
        }
        try await setup.removeHook()
    }
}

/// What install and uninstall change in one work tree's repository.
struct GitSetup {
    /// One variable of the configuration.
    struct Setting {
        let name: String
        let value: String
    }

    /// What is set. cachetextconv would store opened values in the repository: it is off, whatever other
    /// configuration says.
    static let settings = [
        Setting(name: "diff.strongroom.textconv", value: "strongroom git textconv"),
        Setting(name: "diff.strongroom.cachetextconv", value: "false"),
        Setting(name: "merge.strongroom.name", value: "Strongroom: merge by key path"),
        Setting(name: "merge.strongroom.driver", value: "strongroom git merge %O %A %B %L %P"),
    ]

    private static let hookCall = "strongroom git pre-commit"
    private static let hook = Array(
        """
        #!/bin/sh
        # Written by 'strongroom git install': refuses to commit plaintext that has to be sealed.
        exec \(hookCall)

        """.utf8)

    /// The root of the work tree.
    let root: String

    private var git: GitProgram { GitProgram(directory: root) }

    /// Sets a variable in the repository's own configuration, and says so where it had another value.
    func set(_ setting: Setting) async throws {
        let old = try await git.run(["config", "--local", "--get-all", setting.name], isQuiet: true)
        guard old.status != 0 || old.text != setting.value else { return }
        _ = try await git.output("config", "--local", "--replace-all", setting.name, setting.value)
        Console.note("strongroom: git config: \(setting.name) = \(setting.value)")
    }

    /// The names of variables that are not set as they should be.
    func missingSettings() async throws -> [String] {
        var missing: [String] = []
        for setting in GitSetup.settings {
            let value = try await git.run(["config", "--get-all", setting.name], isQuiet: true)
            if value.status != 0 || value.text != setting.value { missing.append(setting.name) }
        }
        return missing
    }

    /// Whether `.gitattributes` has the lines for `rules`.
    func attributesAreCurrent(for rules: Rules) throws -> Bool {
        let directory = try Directory(Path(root))
        let name: Path = ".gitattributes"
        guard try directory.metadataIfPresent(of: name) != nil else { return false }
        let text = try directory.read(name, limit: 16 << 20)
        return GitAttributes.adding(GitAttributes.lines(for: rules), to: text) == text
    }

    /// The path of the pre-commit hook, and whether it, or what it hands on to, calls us.
    func hookState() async throws -> (path: String, isCalled: Bool) {
        let directory = try await hooks()
        let path = Self.editable("\(directory.path)/pre-commit")
        let files = Set([path, "\(directory.path)/pre-commit"])
        let isCalled = files.contains { file in
            let whole = Path(file)
            let content = try? Directory(whole.parent).read(whole.name, limit: 1 << 20)
            return content?.contains(text: Self.hookCall) == true
        }
        return (path, isCalled)
    }

    /// The file that people write in the place of the hook at `path`: husky makes its own directory of hooks anew, and
    /// calls those beside it.
    private static func editable(_ path: String) -> String {
        let suffix = "/_/pre-commit"
        guard path.hasSuffix(".husky" + suffix) else { return path }
        return "\(path.dropLast(suffix.count))/pre-commit"
    }

    /// Removes our sections from the repository's own configuration.
    func removeSettings() async throws {
        for section in ["diff.strongroom", "merge.strongroom"] {
            let outcome = try await git.run(
                ["config", "--local", "--remove-section", section], isQuiet: true)
            if outcome.status == 0 { Console.note("strongroom: git config: removed \(section)") }
        }
    }

    /// Rewrites `.gitattributes`; false where nothing changed.
    func rewriteAttributes(_ change: ([UInt8]) -> [UInt8]) throws -> Bool {
        let directory = try Directory(Path(root))
        let name: Path = ".gitattributes"
        let metadata = try directory.metadataIfPresent(of: name)
        let old = try metadata == nil ? [] : directory.read(name, limit: 16 << 20)
        let new = change(old)
        guard new != old else { return false }
        try Failure.about(".gitattributes") {
            guard !new.isEmpty else { return try directory.removeFile(name) }
            try new.withBytes { try directory.write($0, to: name, mode: metadata?.mode ?? 0o644, .anyFile) }
        }
        return true
    }

    // MARK: Hook

    /// Writes the pre-commit hook; where another one stands, or the directory is not this repository's own, says
    /// which line belongs into it.
    func installHook() async throws {
        let directory = try await hooks()
        let path = "\(directory.path)/pre-commit"
        if try await hookState().isCalled { return Console.note("strongroom: \(path): calls us already") }
        guard directory.isOwn else {
            return Console.note(
                "strongroom: \(path): shared with other repositories and left alone; add the line: "
                    + "\(Self.hookCall) || exit $?")
        }
        let folder = try Directory.makePath(Path(directory.path), mode: 0o755)
        if try folder.metadataIfPresent(of: "pre-commit") != nil {
            return Console.note(
                "strongroom: \(Self.editable(path)): another hook stands there and is left alone; add the line: "
                    + "\(Self.hookCall) || exit $?")
        }
        try Self.hook.withBytes { try folder.write($0, to: "pre-commit", mode: 0o755, .never) }
        Console.note("strongroom: \(path): wrote the hook")
    }

    /// Removes the pre-commit hook where it is the one that we wrote.
    func removeHook() async throws {
        let directory = try await hooks()
        guard directory.isOwn, let folder = try? Directory(Path(directory.path)),
            (try? folder.read("pre-commit", limit: 1 << 20)) == Self.hook
        else { return }
        try folder.removeFile("pre-commit")
        Console.note("strongroom: \(directory.path)/pre-commit: removed")
    }

    /// The directory of hooks, as git finds it (core.hooksPath, linked work trees, submodules), and whether it lies
    /// in the repository or its work tree.
    private func hooks() async throws -> (path: String, isOwn: Bool) {
        let answer = GitProgram.Outcome(
            status: 0, output: try await git.output("rev-parse", "--git-path", "hooks", "--git-common-dir"))
        let lines = answer.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 2 else { throw Failure(.inputOutput, "git rev-parse: an unknown answer") }
        let path = lines[0].hasPrefix("/") ? lines[0] : "\(root)/\(lines[0])"
        let common = try Process.canonical(lines[1].hasPrefix("/") ? lines[1] : "\(root)/\(lines[1])")
        // The directory itself may be missing: what is above it says where it would stand.
        var above = path
        while try Process.canonicalIfDirectory(above) == nil, above.count > 1 {
            above = Path(above).parent.description
        }
        let place = try Process.canonical(above)
        let isOwn = [common, try Process.canonical(root)].contains {
            place == $0 || place.hasPrefix($0 + "/")
        }
        return (path, isOwn)
    }
}

extension [UInt8] {
    /// Whether `text` stands somewhere in these bytes.
    fileprivate func contains(text: String) -> Bool {
        let word = Array(text.utf8)
        return indices.contains { self[$0...].starts(with: word) }
    }
}
