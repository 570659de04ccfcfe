internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Trust

/// The config repository that the user stands in: its root, rules and keyrings as they are in the work tree.
struct Checkout {
    /// The root's absolute path.
    let root: String
    /// `.strongroom.yaml`.
    let rules: Rules
    /// The bytes of `.strongroom.yaml`.
    let rulesText: [UInt8]

    /// The repository around `path`. Throws `usage` where there is none, or it has no rules.
    init(around path: String) throws {
        try self.init(at: try Checkout.root(around: path))
    }

    /// The directory around `path` that has rules, be it in a Git repository or not; `hasGit` says which. Throws `usage`
    /// where there is none.
    static func withoutGit(around path: String) throws -> (checkout: Checkout, hasGit: Bool) {
        let root: String
        do {
            root = try Checkout.root(around: path)
        } catch let error as Failure where error.code == .usage {
            var place = Path(try Process.canonical(path))
            while !place.components.isEmpty {
                guard let root = String(validating: place.bytes, as: UTF8.self) else { break }
                if try readRules(root) != nil { return (try Checkout(at: root), false) }
                place = place.parent
            }
            throw error
        }
        return (try Checkout(at: root), true)
    }

    private init(at root: String) throws {
        self.root = root
        guard let text = try Checkout.readRules(root) else {
            throw Failure(
                .usage, "\(root): no \(Rules.fileName) here",
                hints: ["strongroom init --environment NAME makes it"])
        }
        rulesText = text
        rules = try Failure.about(Rules.fileName) { try Rules(parsing: text) }
    }

    /// The repository at `root` with rules that were read elsewhere, as they are staged.
    init(root: String, rules: Rules, rulesText: [UInt8]) {
        self.root = root
        self.rules = rules
        self.rulesText = rulesText
    }

    /// The root of the work tree around `path`.
    static func root(around path: String) throws -> String {
        let tree: WorkTree
        do {
            tree = try WorkTree.discover(from: Path(try Process.canonical(path)))
        } catch let error as GitError where error.code == .repositoryMissing {
            throw Failure(.usage, "\(path): not in a Git repository", hints: ["git init makes one"])
        }
        guard let root = String(validating: tree.root.bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(tree.root): the path is not UTF-8")
        }
        return root
    }

    /// The bytes of the rules at `root`; nil where there are none.
    static func readRules(_ root: String) throws -> [UInt8]? {
        let directory = try Directory(Path(root))
        guard try directory.metadataIfPresent(of: Path(Rules.fileName)) != nil else { return nil }
        let file = try directory.openFile(Path(Rules.fileName))
        try Failure.requireNotWritableByAll(try file.metadata(), Rules.fileName)
        return try file.readAll(limit: 1 << 20)
    }

    /// `file` as the repository names it: components from the root, joined by slashes. Throws `usage` outside.
    func path(of file: String) throws -> [UInt8] {
        guard !file.isEmpty else { throw Failure(.usage, "an empty file name") }
        return try path(of: Path(file))
    }

    /// As `path(of: String)`; the name may be any bytes, but for the directories above the file.
    func path(of file: Path) throws -> [UInt8] {
        // The directory is resolved, links included, for so was the root; the file's own name is not.
        let whole = file.isAbsolute ? file : Path(try Process.workingDirectory()).appending(file)
        guard let above = String(validating: whole.parent.bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(file): in a directory whose name is not UTF-8")
        }
        let components = Path(try Process.canonical(above)).appending(whole.name).components
        let base = Path(root).components
        guard components.count > base.count, components.starts(with: base) else {
            throw Failure(.usage, "\(file): not in the repository \(root)")
        }
        let below: [[UInt8]] = components.dropFirst(base.count).map(\.bytes)
        return Array(below.joined(separator: [UInt8(ascii: "/")]))
    }

    /// The file of an environment's keyring, from the root.
    func keyringPath(_ environment: String) -> String { "\(rules.keyrings)/\(environment).yaml" }

    /// The keyring of `environment`, its chain verified. Nothing is said yet about its root.
    func keyring(_ environment: String) throws -> Keyring {
        let path = keyringPath(environment)
        return try Failure.about(path) {
            do {
                let text = try Directory(Path(root)).read(Path(path), limit: Keyring.fileByteLimit)
                return try Keyring(parsing: text, environment: environment)
            } catch let error as FileError where error.code == .notFound {
                throw Failure(
                    .usage, "there is no such keyring",
                    hints: ["strongroom init --environment \(environment) makes it"])
            }
        }
    }
}
