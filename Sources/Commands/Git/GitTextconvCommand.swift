internal import ArgumentParser
internal import Assembly
internal import Documents
internal import Files
internal import Git
internal import Glibc
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom git textconv`: what Git compares and shows in place of a sealed file (gitattributes(5), "Performing
/// text diffs of binary files").
struct GitTextconvCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "textconv", _superCommandName: "strongroom git",
        abstract: "Show a version of a file in a diff; called by Git.",
        discussion: """
            Opened values for who can open them; else a short digest in place of each, which changes when the value \
            is sealed anew. Never fails a diff, and writes to standard output alone. Git calls it for every version of \
            every file, so that it asks for no passphrase: with an identity under one the digests say 'identity \
            locked'. To see values in diffs, name one without a passphrase in STRONGROOM_IDENTITY.
            """)

    @Argument(help: "The file, or Git's temporary copy of a version of it.")
    var file: String

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let work = try WorkFile(file)
        guard work.metadata.byteCount <= DocumentLimits().byteCount else {
            return try showLarge(work)
        }
        let bytes = try work.read(limit: DocumentLimits().byteCount)
        if bytes.withBytes({ SealedFile.isAgeFile($0) }) {
            try await showFile(bytes)
        } else if SealedToken.containsMark(bytes) {
            try await showDocument(bytes)
        } else {
            try Console.write(bytes)
        }
    }

    /// A file above the limit of documents: its digest where it is sealed, else itself.
    private func showLarge(_ work: borrowing WorkFile) throws {
        guard try work.head(64).withBytes({ SealedFile.isAgeFile($0) }) else {
            return try work.forEachPiece { try Console.write(span: $0) }
        }
        var hash = BLAKE2b.Stream()
        try work.forEachPiece { hash.update($0) }
        let digest = TokenDigest.short(hash: hash.finish())
        Console.print("sealed file \(digest), \(work.metadata.byteCount) bytes")
    }

    private func showDocument(_ bytes: [UInt8]) async throws {
        let opener = try? Opener(identities, trust)
        if let opener {
            for stage in Opener.Stage.allCases {
                for path in await opener.paths(of: file, bytes, stage) {
                    guard let rule = opener.checkout.rules.rule(for: path),
                        let keyring = opener.keyring(rule.environment),
                        let opened = try? DocumentOpener(
                            rules: opener.checkout.rules, keyring: keyring, enforcing: false
                        ).open(bytes, path: path)
                    else { continue }
                    return try Console.write(secret: opened.bytes)
                }
            }
        }
        try Console.write(TokenDigest.replacingTokens(in: bytes, note: opener?.note ?? ""))
    }

    private func showFile(_ bytes: [UInt8]) async throws {
        let digest = bytes.withBytes { TokenDigest.short($0) }
        var name = "sealed file"
        let opener = try? Opener(identities, trust)
        if let opener, let header = bytes.withBytes({ try? AgeHeader(parsing: $0) }) {
            let repository = opener.checkout.rules.repository
            search: for stage in Opener.Stage.allCases {
                for path in await opener.paths(of: file, bytes, stage) {
                    guard let rule = opener.checkout.rules.rule(for: path),
                        let keyring = try? opener.checkout.keyring(rule.environment),
                        let epoch = try? SealedFile.epoch(
                            of: header, environment: rule.environment,
                            epochs: keyring.body.epochs.map(\.number),
                            repository: repository, path: path)
                    else { continue }
                    name = "sealed file \(rule.environment)-\(epoch)"
                    guard let opened = opener.keyring(rule.environment),
                        let content = try? SealedFile.open(
                            bytes, with: opened, repository: repository, path: path),
                        content.withBytes({ isText($0) })
                    else { break search }
                    return try Console.write(secret: content)
                }
            }
        }
        Console.print("\(name) \(digest), \(bytes.count) bytes\(opener?.note ?? "")")
    }

    /// Whether Git would show these bytes as text: no NUL among them.
    private func isText(_ bytes: RawSpan) -> Bool {
        (0..<bytes.byteCount).allSatisfy { bytes[$0] != 0 }
    }
}

/// What opening a version of a file takes: the repository, the keys that are at hand, the paths it may have.
private final class Opener {
    /// At most so many paths with one name are tried.
    private static let pathLimit = 256

    let checkout: Checkout
    private let trust: TrustOptions
    private let identities: IdentityOptions
    private var own: [MemberIdentity]?
    private var keyrings: [String: OpenedKeyring?] = [:]
    /// What a digest says behind itself: that an identity is there and has a passphrase.
    private(set) var note = ""
    private var staged: [IndexEntry]?

    init(_ identities: IdentityOptions, _ trust: TrustOptions) throws {
        checkout = try Checkout(around: ".")
        self.trust = trust
        self.identities = identities
    }

    /// An identity under a passphrase.
    private struct Locked: Error {}

    /// The identities that open without being asked for.
    private func load() -> [MemberIdentity] {
        if let own { return own }
        let files = IdentityFiles(user: geteuid(), allowExposed: identities.allowExposedIdentity) { _ in
            throw Locked()
        }
        var found: [MemberIdentity] = []
        for path in (try? identities.paths()) ?? [] {
            do {
                found += try files.load([path])
            } catch is Locked {
                note = ", identity locked"
            } catch { continue }
        }
        own = found
        return found
    }

    /// The opened keyring of an environment; nil where none of the identities opens it.
    func keyring(_ environment: String) -> OpenedKeyring? {
        if let known = keyrings[environment] { return known }
        let found = try? checkout.opened(environment, with: load(), trust: trust)
        keyrings[environment] = .some(found)
        return found
    }

    /// Where paths are looked for.
    enum Stage: CaseIterable {
        /// The work tree; else the only file of the index with the name.
        case likely
        /// All else.
        case rest
    }

    /// The paths that the content of `file` may have: its own in the work tree; else those where the index holds
    /// just this content, then those with its name, in the index and in the last commit. A name that only one file
    /// has is tried before the content is hashed, for which libgit2 would have to be loaded.
    func paths(of file: String, _ bytes: [UInt8], _ stage: Stage) async -> [[UInt8]] {
        if let path = try? checkout.path(of: file) { return stage == .likely ? [path] : [] }
        let name = Path(file).name.bytes
        let staged =
            if let staged { staged } else { await indexEntries() }
        self.staged = staged
        let named = staged.map(\.path).filter { Opener.isNamed(name, $0) }
        guard stage == .rest else { return named.count == 1 ? named : [] }
        let id = try? ObjectID(blob: bytes)
        let same = staged.filter { $0.id == id }.map(\.path)
        var found = same + named
        if found.isEmpty {
            // A file that is gone from the index; not asked before, since it takes a process.
            let tree = try? await GitProgram(directory: checkout.root)
                .run(["ls-tree", "-r", "-z", "--name-only", "HEAD"], isQuiet: true)
            let paths = tree?.output.split(separator: 0).map { Array($0) } ?? []
            found = paths.filter { Opener.isNamed(name, $0) }
        }
        var seen: Set<[UInt8]> = []
        return Array(found.filter { seen.insert($0).inserted }.prefix(Self.pathLimit))
    }

    /// Whether `name` is the last component of `path`.
    private static func isNamed(_ name: [UInt8], _ path: [UInt8]) -> Bool {
        path.suffix(name.count) == name[...]
            && (path.count == name.count || path[path.count - name.count - 1] == 0x2F)
    }

    /// The index, without a process where it can be read here.
    private func indexEntries() async -> [IndexEntry] {
        let variable = Process.variable("GIT_INDEX_FILE").flatMap { try? Process.absolute($0) }
        if let tree = try? WorkTree.discover(from: Path(checkout.root)),
            let entries = try? tree.indexEntries(file: variable.map { Path($0) })
        {
            return entries
        }
        let list = try? await GitProgram(directory: checkout.root).run(
            ["ls-files", "-s", "-z"], isQuiet: true)
        guard let list, list.status == 0 else { return [] }
        return list.output.split(separator: 0).compactMap { line in
            guard let tab = line.firstIndex(of: 0x09) else { return nil }
            let facts = line[..<tab].split(separator: 0x20)
            guard facts.count == 3, let id = try? ObjectID(hex: Array(facts[1])) else { return nil }
            return IndexEntry(path: Array(line[(tab + 1)...]), id: id)
        }
    }
}
