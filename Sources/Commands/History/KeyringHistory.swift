internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Trust

/// The keyrings in the commits of HEAD: whether one of them is newer than the one at hand.
///
/// Whoever may commit can put back an older keyring that its admins once signed, and with it an epoch that a removed
/// member still opens. Its chain verifies and its root is the right one; only what came later tells.
struct KeyringHistory {
    /// A keyring in a commit.
    private struct Place {
        let commit: ObjectID
        let path: String
        let blob: ObjectID
    }

    /// A folder as a commit has it.
    private struct Folder: Hashable {
        let path: String
        let id: ObjectID
    }

    private let repository: Repository
    private let places: [Place]
    /// Whether commits, or what they hold, are not all here.
    private(set) var isCut: Bool

    /// The keyrings in the commits of HEAD in the repository of `checkout`, be it that a commit's own rules name another
    /// folder. Throws `GitError` where the commits can't be read.
    init(of checkout: Checkout) throws(GitError) {
        repository = try Repository(at: Path(checkout.root), allowingShallow: true)
        let graph = try repository.graph(from: try repository.references().headTarget.map { [$0] } ?? [])
        isCut = graph.isCut
        var places: [Place] = []
        var (entered, found): (Set<Folder>, Set<ObjectID>) = ([], [])
        var folders: [ObjectID: String] = [:]
        // The newest first; of what differs from commit to commit each is entered once.
        for node in graph.nodes.reversed() {
            do throws(GitError) {
                let root = try repository.tree(node.tree)
                var paths: Set = [checkout.rules.keyrings]
                if let rules = root.entry(named: Rules.fileName.utf8), rules.mode == .file {
                    if folders[rules.id] == nil {
                        let text = try repository.blob(rules.id, limit: 1 << 20)
                        folders[rules.id] = (try? Rules(parsing: text))?.keyrings ?? checkout.rules.keyrings
                    }
                    if let path = folders[rules.id] { paths.insert(path) }
                }
                for path in paths.sorted() {
                    guard let top = root.entry(named: path.utf8.prefix { $0 != 0x2F }),
                        entered.insert(Folder(path: path, id: top.id)).inserted,
                        let entry = try repository.entry(at: Array(path.utf8), in: node.tree),
                        entry.mode == .directory
                    else { continue }
                    for file in try repository.tree(entry.id).entries where file.mode == .file {
                        guard found.insert(file.id).inserted else { continue }
                        let name = String(decoding: file.name, as: UTF8.self)
                        places.append(Place(commit: node.id, path: "\(path)/\(name)", blob: file.id))
                    }
                }
            } catch {
                // A tree that is no tree of ours holds no keyring; what isn't here can't be told.
                guard
                    ![
                        .malformedTree, .invalidMode, .hostileName, .duplicateEntry, .entryOrder,
                        .limitExceeded,
                    ]
                    .contains(error.code)
                else { continue }
                guard error.code == .objectMissing else { throw error }
                isCut = true
            }
        }
        self.places = places
    }

    /// Throws `refused`, naming both generations, where a commit holds a newer generation of `keyring` with the same
    /// root and a chain that verifies.
    mutating func requireNewest(_ keyring: Keyring, _ path: String) throws {
        let name = "/\(keyring.environment).yaml"
        for place in places where place.path.utf8.count >= name.utf8.count && place.path.hasSuffix(name) {
            let text: [UInt8]
            do throws(GitError) {
                text = try repository.blob(place.blob, limit: Keyring.fileByteLimit)
            } catch {
                guard error.code != .limitExceeded else { continue }
                guard error.code == .objectMissing else { throw error }
                isCut = true
                continue
            }
            // Signatures are verified of what claims to be newer alone.
            guard let claim = Keyring.claim(in: text, environment: keyring.environment),
                claim.root == keyring.root, claim.generation > keyring.generation,
                let newer = try? Keyring(parsing: text, environment: keyring.environment)
            else { continue }
            let commit = String(place.commit.hex.prefix(12))
            throw Failure(
                .refused,
                "\(path): generation \(keyring.generation) of the keyring, and commit \(commit) has generation \(newer.generation): an older one was put back",
                hints: [
                    "git show \(commit):\(place.path) > \(path) brings the newer one back",
                    "where keys rebase joined two branches on purpose, strongroom keys rotate puts a newer one above both",
                ])
        }
    }
}

extension Checkout {
    /// Throws `refused` where a commit of HEAD has a newer generation of one of `keyrings`. Says whether the history that
    /// is here told all of it; what can't be read at all throws `GitError`.
    @discardableResult
    func requireNewest(_ keyrings: [Keyring]) throws -> Bool {
        guard !keyrings.isEmpty else { return true }
        var history = try KeyringHistory(of: self)
        for keyring in keyrings { try history.requireNewest(keyring, keyringPath(keyring.environment)) }
        return !history.isCut
    }

    /// As `requireNewest`, before something is sealed: as far as the history goes that is here, which pins go beyond.
    /// Throws `libraryFailed` where libgit2 doesn't start, which says nothing of the history.
    func requireNewestForSealing(_ keyrings: [Keyring]) throws {
        do {
            try requireNewest(keyrings)
        } catch let error as GitError where error.code != .libraryFailed {
            Console.note(
                "strongroom: the Git history can't tell whether the keyring is the newest: \(Failure(error).message)"
            )
        }
    }
}
