internal import Documents
internal import Files
internal import Git
internal import Sealing

/// What was sealed in the commits of a repository: where each sealed value and file came, and when it went.
///
/// Walks commits from the oldest to the newest, enters only what differs from the commits before, and reads each blob
/// once, for its tokens alone. Nothing is kept on disk.
struct SealedHistory {
    /// An item at a path, over all commits.
    struct Stay {
        /// The path.
        let path: [UInt8]
        /// The item, by its position in `items`.
        let item: Int
        /// The first commit that has it there, by its position in the graph.
        fileprivate(set) var first: Int
        /// The last one.
        fileprivate(set) var last: Int
        /// The file as it was in the first.
        let blob: ObjectID
        /// Whether it stands in the commit of HEAD.
        fileprivate(set) var isAtHead = false
    }

    /// A commit that brought items.
    private struct Arrival {
        let commit: Int
        let path: [UInt8]
        let blob: ObjectID
        let items: [Int]
    }

    /// A path with an item.
    private struct Key: Hashable {
        let path: [UInt8]
        let item: Int
    }

    /// Where the walk begins.
    enum Start {
        /// At HEAD.
        case head
        /// At HEAD and every ref, remote branches and stashes among them.
        case allReferences
    }

    private let repository: Repository
    /// The commits.
    let graph: CommitGraph
    /// The commit of HEAD, by its position in the graph; nil where it has none.
    let head: Int?
    /// Everything that was sealed, each once.
    private(set) var items: [SealedItem] = []
    /// Every item with every path that it stood at.
    private(set) var stays: [Stay] = []
    /// Files that were too large to be looked into, with their paths.
    private(set) var unread: Set<[UInt8]> = []
    private var positions: [SealedItem: Int] = [:]
    private var stayPositions: [Key: Int] = [:]
    private var arrivals: [Arrival] = []
    /// The first commit of each item.
    private var firsts: [Int] = []
    /// What arrived at each place; made when it is first asked for.
    private var byPlace: [SealedItem.Place: [(commit: Int, item: Int)]]?
    /// Items that a commit no longer has, though one before it had them.
    private var vanished: Set<Int> = []
    private var known: [ObjectID: [Int]] = [:]
    private var difference: TreeDifference

    /// Larger blobs are not looked into.
    private static let blobLimit = DocumentLimits().byteCount

    /// The history of the repository at `root`, of the files for which `isWanted` holds. Throws where it can't be read:
    /// `GitError`.
    init(at root: String, from start: Start, where isWanted: ([UInt8]) -> Bool) throws {
        repository = try Repository(at: Path(root), allowingShallow: true)
        difference = TreeDifference(in: repository)
        let references = try repository.references()
        let headTarget = references.headTarget
        let others =
            start == .head ? [] : try references.entries.map(\.target) + SealedHistory.stashes(at: root)
        let graph = try repository.graph(from: (headTarget.map { [$0] } ?? []) + others)
        self.graph = graph
        head = headTarget.flatMap { graph.position(of: $0) }
        var wanted: [[UInt8]: Bool] = [:]
        func isAsked(_ path: [UInt8]) -> Bool {
            if let answer = wanted[path] { return answer }
            let answer = isWanted(path)
            wanted[path] = answer
            return answer
        }
        for position in graph.nodes.indices { try walk(position, isAsked) }
        try markTips(isAsked)
    }

    /// The commits of all stashes of the work tree at `root`: the ref names the newest, its log the others.
    private static func stashes(at root: String) throws -> [ObjectID] {
        let directory = try Directory(WorkTree.discover(from: Path(root)).commonDirectory)
        let log = Path("logs/refs/stash")
        guard try directory.metadataIfPresent(of: log) != nil else { return [] }
        return try directory.read(log, limit: 64 << 20).split(separator: 0x0A).compactMap { line in
            let words = line.split(separator: 0x20, maxSplits: 2)
            return words.count > 1 ? try? ObjectID(hex: words[1]) : nil
        }
    }

    /// Whether a file of these commits was looked into.
    func isKnown(_ blob: ObjectID) -> Bool { known[blob] != nil }

    private mutating func walk(_ position: Int, _ isAsked: ([UInt8]) -> Bool) throws {
        let node = graph.nodes[position]
        for parent in node.parents.isEmpty ? [nil] : node.parents.map(Optional.some) {
            var (came, went): (Set<Int>, Set<Int>) = ([], [])
            for change in try difference.changes(
                from: parent.map { graph.nodes[$0].tree }, to: node.tree)
            where isAsked(change.path) {
                let before = try change.old.map { try items(of: $0, change.path) } ?? []
                let after = try change.new.map { try items(of: $0, change.path) } ?? []
                let (new, gone) = (
                    after.filter { !before.contains($0) }, before.filter { !after.contains($0) }
                )
                if let parent { for item in gone { stayed(item, change.path, at: parent) } }
                came.formUnion(new)
                went.formUnion(gone)
                guard let blob = change.new, !new.isEmpty else { continue }
                for item in new { arrived(item, change.path, blob, at: position) }
                arrivals.append(Arrival(commit: position, path: change.path, blob: blob, items: new))
            }
            vanished.formUnion(went.subtracting(came))
        }
    }

    private mutating func arrived(_ item: Int, _ path: [UInt8], _ blob: ObjectID, at commit: Int) {
        if firsts[item] < 0 { firsts[item] = commit }
        let key = Key(path: path, item: item)
        guard stayPositions[key] == nil else { return stayed(item, path, at: commit) }
        stayPositions[key] = stays.count
        stays.append(Stay(path: path, item: item, first: commit, last: commit, blob: blob))
    }

    private mutating func stayed(_ item: Int, _ path: [UInt8], at commit: Int) {
        guard let position = stayPositions[Key(path: path, item: item)] else { return }
        stays[position].last = max(stays[position].last, commit)
    }

    /// Marks what stands in commits without a child, the newest first: of the others only what differs counts.
    private mutating func markTips(_ isAsked: ([UInt8]) -> Bool) throws {
        let parents = Set(graph.nodes.flatMap(\.parents))
        var last: ObjectID?
        for tip in graph.nodes.indices.reversed() where !parents.contains(tip) {
            let tree = graph.nodes[tip].tree
            for stay in try standing(from: last, to: tree, isAsked) {
                stays[stay].last = max(stays[stay].last, tip)
            }
            last = tree
        }
        guard let head else { return }
        for stay in try standing(from: nil, to: graph.nodes[head].tree, isAsked) {
            stays[stay].isAtHead = true
        }
    }

    /// The stays in files of the directory `new` that `old` doesn't have so.
    private mutating func standing(
        from old: ObjectID?, to new: ObjectID, _ isAsked: ([UInt8]) -> Bool
    ) throws -> [Int] {
        var found: [Int] = []
        for change in try difference.changes(from: old, to: new) where isAsked(change.path) {
            for item in try change.new.map({ try items(of: $0, change.path) }) ?? [] {
                if let stay = stayPositions[Key(path: change.path, item: item)] { found.append(stay) }
            }
        }
        return found
    }

    /// The items in a blob, by their positions.
    private mutating func items(of blob: ObjectID, _ path: [UInt8]) throws -> [Int] {
        if let known = known[blob] { return known }
        var found: [Int] = []
        do {
            for item in SealedItem.all(in: try repository.blob(blob, limit: SealedHistory.blobLimit)) {
                let position = positions[item] ?? items.count
                if position == items.count {
                    items.append(item)
                    firsts.append(-1)
                    positions[item] = position
                }
                found.append(position)
            }
        } catch {
            guard error.code == .limitExceeded else { throw error }
            unread.insert(path)
        }
        known[blob] = found
        return found
    }
}

extension SealedHistory {
    /// A commit of the graph in the words that people take it by: 12 digits of its id.
    func short(_ commit: Int) -> String { String(graph.nodes[commit].id.hex.prefix(12)) }

    /// The content of a file that was looked into.
    func content(_ blob: ObjectID) throws -> [UInt8] {
        try repository.blob(blob, limit: SealedHistory.blobLimit)
    }

    /// What the commits tell of `sealed`, which stands in the work tree now.
    mutating func past(of sealed: Checker.Sealed, rules: Rules) throws -> Checker.Past {
        guard let item = positions[sealed.standing.item], firsts[item] >= 0 else {
            return Checker.Past(since: nil, isCut: false, replacedIn: nil)
        }
        let first = graph.nodes[firsts[item]]
        let replacement = try replacement(of: item, at: sealed.standing.places, rules)
        return Checker.Past(since: first.time, isCut: first.isCut, replacedIn: replacement.map(short))
    }

    /// The first commit that put another item where `item` stood before, at one of `places`; nil where none did.
    ///
    /// Another branch that never had `item` doesn't count: the commit must come after one that had it there.
    private mutating func replacement(
        of item: Int, at places: Set<SealedItem.Place>, _ rules: Rules
    ) throws -> Int? {
        guard vanished.contains(item) else { return nil }
        let index = try byPlace ?? self.index(rules)
        byPlace = index
        let there = places.flatMap { index[$0] ?? [] }
        let own = Set(there.filter { $0.item == item }.map(\.commit))
        let others = Set(
            there.filter { $0.item != item && items[$0.item].isAlike(items[item]) }.map(\.commit))
        return others.sorted().first { other in
            own.contains { $0 < other && graph.isAncestor($0, of: other) }
        }
    }

    private func index(_ rules: Rules) throws -> [SealedItem.Place: [(commit: Int, item: Int)]] {
        var index: [SealedItem.Place: [(commit: Int, item: Int)]] = [:]
        for arrival in arrivals {
            let new = Set(arrival.items)
            for standing in SealedItem.standing(
                in: try content(arrival.blob), path: arrival.path, rules: rules)
            {
                guard let item = positions[standing.item], new.contains(item) else { continue }
                for place in standing.places { index[place, default: []].append((arrival.commit, item)) }
            }
        }
        return index
    }
}
