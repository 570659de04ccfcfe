internal import ArgumentParser
internal import Documents
internal import Encodings
internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom check`: whether the repository keeps its rules; needs no key.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check that the rules are kept; needs no key.",
        discussion: """
            Checks the whole repository, or the files and directories that are named. Exit code 0: clean; 5: something \
            breaks the rules. Findings go to standard output, a line each.

            Git history tells more: a value that stood at its place before another one replaced it, and came \
            back; and values that stand unchanged for longer than their rule's maxAge, counted from the commit that \
            brought them. It tells a third: a keyring of which a commit has a newer generation was put back, and is refused. \
            Where not all of the history is here (a shallow or partial clone), the exit code is 10 instead of 0.

            Files that no rule seals are looked through for what looks like a secret: known beginnings, private keys, \
            long random words. That is a guess in both directions; a line with strongroom:allow is passed over.
            """)

    /// What becomes of text that looks like a secret.
    enum Entropy: String, CaseIterable, ExpressibleByArgument {
        case off, warn, refuse
    }

    @Argument(
        help: ArgumentHelp("Files or directories of this repository. Default: all of it.", valueName: "path"))
    var paths: [String] = []

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @Flag(inversion: .prefixedNo, help: "Look into Git history.")
    var history = true

    @Option(help: "Text that looks like a secret where no rule seals it: pass over, name, or refuse.")
    var entropy = Entropy.warn

    @OptionGroup var list: FileListOption
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        var hasPrinted = false
        do {
            try check { findings in
                if json { try Console.json(findings) } else { findings.forEach { Console.print($0.line) } }
                hasPrinted = true
            }
        } catch {
            // Who reads JSON finds in it what went wrong before there were findings.
            if json, !hasPrinted { try Console.json([FindingDocument(Failure(error))]) }
            throw error
        }
    }

    private func check(_ show: ([FindingDocument]) throws -> Void) throws {
        let (checkout, hasGit) = try Checkout.withoutGit(
            around: paths.first.map { CheckCommand.directory(of: $0) } ?? ".")
        var keyrings: [Keyring] = []
        for environment in Set(checkout.rules.rules.map(\.environment)).sorted() {
            let keyring = try checkout.keyring(environment)
            try trust.verify(keyring, of: checkout, sealing: true)
            keyrings.append(keyring)
        }
        let missing = try requireNewest(keyrings, of: checkout, hasGit)
        var checker = Checker(rules: checkout.rules, keyrings: keyrings)
        var fileCount = 0
        let root = try Directory(Path(checkout.root))
        let starts = try starts(checkout)
        let tracked = hasGit && paths.isEmpty && list.pathsFrom == nil ? CheckCommand.tracked(checkout) : nil
        for start in starts {
            try visit(Path(start), in: root, from: starts) { bytes, path in
                fileCount += 1
                checker.check(bytes, path: path)
                guard entropy != .off, tracked?.contains(path) != false else { return }
                checker.scan(bytes, path: path, isRefused: entropy == .refuse)
            }
        }
        try look(into: checkout, hasGit, &checker)
        if paths.isEmpty { checker.noteUnusedRules() }
        if let missing { checker.noteIncompleteHistory(missing) }
        let documents = checker.findings.map { FindingDocument($0) }
        try show(documents)
        let refused = documents.count { $0.refused }
        guard refused == 0 else {
            throw Failure(
                .refused, "\(refused) \(refused == 1 ? "finding breaks" : "findings break") the rules",
                hints: ["strongroom seal FILE seals plaintext; the findings say what else is wrong"])
        }
        guard !checker.isIncomplete else {
            throw Failure(
                .partial, "the Git history is not all here: what it tells was not checked",
                hints: [
                    "git fetch --unshallow brings the history of a shallow clone; --no-history leaves it out on purpose"
                ])
        }
        Console.note(
            "strongroom: checked \(fileCount == 1 ? "1 file" : "\(fileCount) files"): the rules are kept")
    }

    /// The directory where the repository of `path` is looked for: itself, or the one that holds it.
    private static func directory(of path: String) -> String {
        let parent = Path(path).parent.description
        guard !endsInDots(path) else { return path }
        let isDirectory = try? Directory(Path(parent)).metadata(of: Path(path).name).kind == .directory
        guard isDirectory != true else { return path }
        return parent
    }

    private static func endsInDots(_ path: String) -> Bool {
        path.split(separator: "/").last.map { $0 == "." || $0 == ".." } ?? true
    }

    /// Throws `refused` where a commit of HEAD has a newer generation of one of `keyrings`. Returns what of the history
    /// can't be told, in words; nil where all was, or it isn't asked for.
    private func requireNewest(
        _ keyrings: [Keyring], of checkout: Checkout, _ hasGit: Bool
    ) throws -> String? {
        guard history, hasGit else { return nil }
        do {
            guard try checkout.requireNewest(keyrings) else {
                return "the Git history here is cut off (a shallow clone, or objects are missing)"
            }
            return nil
        } catch let error as GitError {
            return "the Git history can't be read: \(Failure(error).message)"
        }
    }

    /// Checks what is sealed against the commits of HEAD, where they are there and asked for.
    private func look(into checkout: Checkout, _ hasGit: Bool, _ checker: inout Checker) throws {
        guard history, hasGit, !checker.sealed.isEmpty else { return checker.noteNoHistory() }
        do {
            var past = try SealedHistory(at: checkout.root, from: .head) {
                checkout.rules.rule(for: $0) != nil
            }
            try checker.check(now: Process.now.seconds) { try past.past(of: $0, rules: checkout.rules) }
        } catch let error as GitError {
            checker.noteNoHistory()
            checker.noteIncompleteHistory("the Git history can't be read: \(Failure(error).message)")
        }
    }

    /// The paths in Git's index: what else lies in the work tree may be anything. Nil where nothing is in it yet, or they can't be
    /// told.
    private static func tracked(_ checkout: Checkout) -> Set<[UInt8]>? {
        guard let tree = try? WorkTree.discover(from: Path(checkout.root)),
            let entries = try? tree.indexEntries(), !entries.isEmpty
        else { return nil }
        return Set(entries.map(\.path))
    }

    /// What is checked, from the root; empty for the root itself.
    private func starts(_ checkout: Checkout) throws -> [[UInt8]] {
        try checkout.places(of: paths, and: list)
    }

    /// Hands every regular file at or below `path` to `body`, but for Git's own directories. Links are not followed.
    private func visit(
        _ path: Path, in root: borrowing Directory, from starts: [[UInt8]],
        _ body: ([UInt8], [UInt8]) throws -> Void
    ) throws {
        let kind: FileKind? = path.bytes.isEmpty ? .directory : try root.metadata(of: path).kind
        switch kind {
        case .directory:
            let directory = try path.bytes.isEmpty ? root.duplicate() : root.openDirectory(path)
            for entry in try directory.entries() where entry.name != Path(".git") {
                try visit(
                    path.bytes.isEmpty ? entry.name : path.appending(entry.name), in: root, from: starts, body
                )
            }
        case .regular:
            try body(try read(path, in: root), path.bytes)
        default:
            guard !paths.isEmpty, starts.contains(path.bytes) else { return }
            throw Failure(.usage, "\(path): neither a file nor a directory; links are not followed")
        }
    }
}

extension CheckCommand {
    /// What the checks need of a file: of one that is larger than any document, its head, where sealed files have
    /// their header.
    private func read(_ path: Path, in root: borrowing Directory) throws -> [UInt8] {
        try Failure.about(path.description) {
            let file = try root.openFile(path)
            guard try file.metadata().byteCount > DocumentLimits().byteCount else {
                return try file.readAll(limit: DocumentLimits().byteCount)
            }
            return try [UInt8].filled(count: 1 << 20) { _ = try file.read(into: &$0, at: 0) }
        }
    }
}

/// A finding as `--json` shows it.
private struct FindingDocument: Encodable {
    let path: String
    let lineNumber: Int?
    let keyPath: String?
    let refused: Bool
    let kind: String
    let reason: String

    init(_ finding: Checker.Finding) {
        path = String(decoding: finding.path, as: UTF8.self)
        lineNumber = finding.line
        keyPath = finding.keyPath
        refused = finding.isRefused
        kind = finding.kind.name
        reason = finding.reason
    }

    /// What kept the check from being made.
    init(_ failure: Failure) {
        path = "."
        (lineNumber, keyPath) = (nil, nil)
        refused = true
        kind = "error"
        reason = failure.message
    }

    enum CodingKeys: String, CodingKey {
        case path, keyPath, refused, kind, reason
        case lineNumber = "line"
    }
}

extension FindingDocument {
    /// `file:line: key path: reason`, with what is only a word marked as a note.
    var line: String {
        var text = path
        if let number = lineNumber { text += ":\(number)" }
        text += refused ? ": " : ": note: "
        if let keyPath { text += "\(keyPath): " }
        return text + reason
    }
}
