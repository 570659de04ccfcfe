internal import Documents
internal import Files
internal import Git
internal import Sealing

/// The places at which tokens and files stood in the commits of the current branch, the newest first.
struct PlaceHistory {
    private let repository: Repository
    private let commits: [ObjectID]
    private let rules: Rules

    /// How many commits are looked at.
    static let commitLimit = 5_000

    /// The history of `checkout`. Nil, with a word to the user, where it has none that can be read.
    init?(_ checkout: Checkout) {
        do {
            repository = try Repository(at: Path(checkout.root))
            guard let head = try repository.references().headTarget else { return nil }
            commits = try Array(repository.commits(from: [head]).prefix(PlaceHistory.commitLimit))
        } catch {
            Console.note("strongroom: the Git history is left out: \(Failure(error).message)")
            return nil
        }
        rules = checkout.rules
    }

    /// Other places of `tokens`, by token: with the rules of the commit, and with today's for the path of then.
    func places(of tokens: Set<[UInt8]>) throws -> [[UInt8]: [TokenPlace]] {
        var found: [[UInt8]: [TokenPlace]] = [:]
        var rulesOfThen: [ObjectID: Rules] = [:]
        try forEachFile { path, id, tree in
            guard DocumentFormat(path: path) != nil,
                try repository.header(of: id).byteCount <= DocumentLimits().byteCount
            else { return }
            let bytes = try repository.blob(id)
            guard SealedToken.containsMark(bytes) else { return }
            for rules in [try rulesAt(tree, &rulesOfThen), rules].compactMap({ $0 }) {
                for (token, place) in TokenPlace.all(in: bytes, path: path, rules: rules)
                where tokens.contains(token) {
                    if found[token]?.contains(place) != true { found[token, default: []].append(place) }
                }
            }
        }
        return found
    }

    /// Every path that a file ever had.
    func paths() throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        var known: Set<[UInt8]> = []
        try forEachFile { path, _, _ in
            if known.insert(path).inserted { found.append(path) }
        }
        return found
    }

    private func rulesAt(_ tree: ObjectID, _ known: inout [ObjectID: Rules]) throws -> Rules? {
        guard let entry = try repository.entry(at: Array(Rules.fileName.utf8), in: tree) else { return nil }
        if let rules = known[entry.id] { return rules }
        let rules = try? Rules(parsing: repository.blob(entry.id, limit: 1 << 20))
        known[entry.id] = rules
        return rules
    }

    /// Hands each file of each commit to `visit` with the commit's root tree: a directory or file that stood at the
    /// same path in a newer commit as it is, only once.
    private func forEachFile(_ visit: ([UInt8], ObjectID, ObjectID) throws -> Void) throws {
        var seen: Set<Entry> = []
        for commit in commits {
            let root = try repository.commit(commit).tree
            var waiting = [Entry(path: [], id: root)]
            while let directory = waiting.popLast() {
                guard seen.insert(directory).inserted else { continue }
                for entry in try repository.tree(directory.id).entries {
                    let path = directory.path.isEmpty ? entry.name : directory.path + [0x2F] + entry.name
                    switch entry.mode {
                    case .directory: waiting.append(Entry(path: path, id: entry.id))
                    case .file, .executable:
                        guard seen.insert(Entry(path: path, id: entry.id)).inserted else { continue }
                        try visit(path, entry.id, root)
                    case .symbolicLink, .submodule: continue
                    }
                }
            }
        }
    }

    private struct Entry: Hashable {
        let path: [UInt8]
        let id: ObjectID
    }
}

/// The other places of a document's tokens: those that the caller names, and where these don't do, those of history,
/// which is read once and only then.
final class OtherPlaces {
    private let checkout: Checkout
    private let bytes: [UInt8]
    private let path: [UInt8]
    private var named: [[UInt8]: [TokenPlace]] = [:]
    private var past: [[UInt8]: [TokenPlace]]?

    /// The places of the tokens in `bytes`, which stand at `path` and may have stood at the path `old`.
    init(of bytes: [UInt8], at path: [UInt8], from old: [UInt8]? = nil, in checkout: Checkout) {
        self.path = path
        self.checkout = checkout
        self.bytes = bytes
        guard let old else { return }
        for (token, place) in TokenPlace.all(in: bytes, path: old, rules: checkout.rules) {
            named[token, default: []].append(place)
        }
    }

    /// The places of `token`: those that the caller named, and those of history.
    func all(_ token: [UInt8]) -> [TokenPlace] {
        if past == nil {
            let tokens = TokenPlace.all(in: bytes, path: path, rules: checkout.rules)
            past = (try? PlaceHistory(checkout)?.places(of: Set(tokens.map(\.token) + [token]))) ?? [:]
        }
        return (named[token] ?? []) + (past?[token] ?? [])
    }
}
