internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom git pre-commit`: the hook (githooks(5)).
struct GitPreCommitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pre-commit", abstract: "Refuse to commit what breaks the rules; called by Git.",
        discussion: """
            Checks what is staged, not the work tree, against the rules and keyrings as they are staged; needs no key. \
            Exit code 5: something breaks the rules. A repository without rules passes.
            """)

    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let top = try await GitProgram(directory: ".").output("rev-parse", "--show-toplevel")
        let root = GitProgram.Outcome(status: 0, output: top).text
        let stage = Stage(root: root)
        guard let text = try await stage.read(Rules.fileName) else { return }
        let rules = try Failure.about(Rules.fileName) { try Rules(parsing: text) }
        let checkout = Checkout(root: root, rules: rules, rulesText: text)
        let files = try await stage.changes()
        let ruled = files.filter { rules.rule(for: $0.path) != nil }
        let keyrings = try await keyrings(for: files, checkout, stage)
        var checker = Checker(rules: rules, keyrings: keyrings)
        try await stage.forEachContent(of: ruled) { file, bytes in checker.check(bytes, path: file.path) }
        for finding in checker.findings { Console.note(line(finding)) }
        let refused = checker.findings.count { $0.isRefused }
        guard refused == 0 else {
            throw Failure(
                .refused,
                "\(refused) \(refused == 1 ? "finding breaks" : "findings break") the rules; nothing is committed",
                hints: ["strongroom seal FILE, then git add FILE"])
        }
    }

    /// The keyrings, as they are staged, of the environments that the changes are for, or are changes of.
    private func keyrings(for files: [Stage.File], _ checkout: Checkout, _ stage: Stage) async throws
        -> [Keyring]
    {
        let all = Set(checkout.rules.rules.map(\.environment)).sorted()
        let touched = Set(files.compactMap { checkout.rules.rule(for: $0.path)?.environment })
        let changed = Set(files.map(\.path))
        var keyrings: [Keyring] = []
        for environment in all {
            let path = checkout.keyringPath(environment)
            guard touched.contains(environment) || changed.contains(Array(path.utf8)) else { continue }
            guard let text = try await stage.read(path) else {
                throw Failure(
                    .usage, "\(path): there is no such keyring",
                    hints: ["strongroom init --environment \(environment) makes it"])
            }
            let keyring = try Failure.about(path) { try Keyring(parsing: text, environment: environment) }
            try trust.verify(keyring, of: checkout, sealing: true)
            keyrings.append(keyring)
        }
        try checkout.requireNewestForSealing(keyrings)
        return keyrings
    }

    /// `file:line: key path: reason`
    private func line(_ finding: Checker.Finding) -> String {
        var text = String(decoding: finding.path, as: UTF8.self)
        if let number = finding.line { text += ":\(number)" }
        text += finding.isRefused ? ": " : ": note: "
        if let keyPath = finding.keyPath { text += "\(keyPath): " }
        return text + finding.reason
    }
}

/// What is about to be committed: the index that Git has prepared for the hook.
struct Stage {
    /// A staged file.
    struct File {
        /// The path from the root.
        let path: [UInt8]
        /// The blob's id, in hex.
        let id: [UInt8]
    }

    /// Files of more bytes are not read whole: of a sealed file the header is enough, a document is refused.
    private static let byteLimit = DocumentLimits().byteCount
    /// The root of the work tree.
    let root: String

    private var git: GitProgram { GitProgram(directory: root) }

    /// A file of the repository as it is staged; else, where it is not in the index, as it stands in the work tree
    /// or in the last commit. nil where it is nowhere.
    func read(_ path: String) async throws -> [UInt8]? {
        let found = try await git.objects([Array(":\(path)".utf8), Array("HEAD:\(path)".utf8)])
        if let staged = found[0] { return staged }
        let directory = try Directory(Path(root))
        if let content = try? directory.read(Path(path), limit: 16 << 20) { return content }
        return found[1]
    }

    /// The regular files that the commit adds or changes.
    func changes() async throws -> [File] {
        let output = try await git.output(
            "diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative",
            "--no-ext-diff",
            "--ignore-submodules=all", "--diff-filter=ACMT")
        let fields = output.split(separator: 0, omittingEmptySubsequences: false)
        var files: [File] = []
        // ":<old mode> <new mode> <old id> <new id> <status>", then the path.
        for position in stride(from: 0, to: fields.count - 1, by: 2) {
            let facts = fields[position].split(separator: 0x20)
            guard facts.count == 5 else { throw Failure(.inputOutput, "git diff: an unknown answer") }
            guard facts[1].starts(with: Array("100".utf8)) else { continue }
            files.append(File(path: Array(fields[position + 1]), id: Array(facts[3])))
        }
        return files
    }

    /// Hands the content of each of `files` to `body`: whole, or of a large sealed file its first bytes. Throws
    /// `limitExceeded` for a document above the limit.
    func forEachContent(of files: [File], _ body: (File, [UInt8]) -> Void) async throws {
        let sizes = try await git.sizes(files.map(\.id))
        var group: [File] = []
        var byteCount = 0
        func flush() async throws {
            for (file, content) in zip(group, try await git.objects(group.map(\.id), limit: byteCount)) {
                guard let content else { throw Failure(.inputOutput, "\(name(file)): the blob is missing") }
                body(file, content)
            }
            (group, byteCount) = ([], 0)
        }
        for (file, size) in zip(files, sizes) {
            guard let size else { throw Failure(.inputOutput, "\(name(file)): the blob is missing") }
            guard size <= Self.byteLimit else {
                body(file, try await head(of: file))
                continue
            }
            if byteCount + size > Self.byteLimit * 2 { try await flush() }
            group.append(file)
            byteCount += size
        }
        try await flush()
    }

    /// The first bytes of a large sealed file.
    private func head(of file: File) async throws -> [UInt8] {
        let id = String(decoding: file.id, as: UTF8.self)
        let head = try await GitProgram.head(of: id, in: root)
        guard head.withBytes({ SealedFile.isAgeFile($0) }) else {
            throw Failure(.limitExceeded, "\(name(file)): larger than \(Self.byteLimit) bytes and not sealed")
        }
        return head
    }

    private func name(_ file: File) -> String { String(decoding: file.path, as: UTF8.self) }
}
