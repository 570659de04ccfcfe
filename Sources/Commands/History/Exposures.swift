internal import Documents
internal import Encodings
internal import Files
internal import Git
internal import Keyrings
internal import Sealing

/// What members could read: every place of the repository at which something stood that was sealed to an epoch that
/// one of them could open, with the commits in which it did.
struct Exposures {
    /// One place.
    struct Place {
        /// The file, from the root.
        let path: [UInt8]
        /// The Kubernetes object in words, where the value stands in one.
        let object: String?
        /// The key path; nil for a whole file, and where the file can't be read as a document.
        let keyPath: String?
        /// What could be opened there.
        let environment: String
        /// The epochs.
        fileprivate(set) var epochs: Set<UInt64> = []
        /// The members by name.
        fileprivate(set) var members: Set<String> = []
        /// The first commit and the last one, by their positions in the graph; nil where no commit has it.
        fileprivate(set) var commits: ClosedRange<Int>?
        /// Whether it stands at HEAD.
        fileprivate(set) var isAtHead = false
        /// Whether it stands in the work tree, other than at HEAD.
        fileprivate(set) var isUncommitted = false
    }

    private struct Key: Hashable {
        let path: [UInt8]
        let object: String?
        let keyPath: String?
        let environment: String
    }

    /// The places, by path and key path.
    private(set) var places: [Place] = []
    /// The commits; nil where the repository can't be read.
    let history: SealedHistory?
    /// Why there is no history, in words.
    let reason: String?
    /// What of the work tree and of the index could not be looked into.
    private(set) var unread: [Failure] = []
    private var positions: [Key: Int] = [:]
    private let reaches: [(name: String, reach: [String: Set<UInt64>])]
    private let checkout: Checkout

    /// Looks through all commits that are reachable from a ref, and the work tree of `checkout`, for what the members of
    /// `reaches` could open.
    init(_ checkout: Checkout, _ reaches: [(name: String, reach: [String: Set<UInt64>])]) throws {
        self.checkout = checkout
        self.reaches = reaches
        do {
            history = try SealedHistory(at: checkout.root, from: .allReferences) { _ in true }
            reason = nil
        } catch let error as GitError {
            history = nil
            reason = Failure(error).message
        }
        try addHistory()
        try addWorkTree()
        try addIndex()
        places.sort {
            $0.path == $1.path
                ? ($0.object ?? "", $0.keyPath ?? "") < ($1.object ?? "", $1.keyPath ?? "")
                : $0.path.lexicographicallyPrecedes($1.path)
        }
    }

    private mutating func addHistory() throws {
        guard let history else { return }
        var standing: (path: [UInt8], blob: ObjectID, items: [SealedItem: SealedItem.Standing])?
        for stay in history.stays {
            let item = history.items[stay.item]
            for found in readable(item, at: stay.path) {
                if standing?.path != stay.path || standing?.blob != stay.blob {
                    let all = SealedItem.standing(
                        in: try history.content(stay.blob), path: stay.path, rules: checkout.rules)
                    standing = (
                        stay.path, stay.blob, Dictionary(all.map { ($0.item, $0) }) { first, _ in first }
                    )
                }
                add(stay.path, standing?.items[item], found) { place in
                    let known = place.commits ?? stay.first...stay.last
                    place.commits =
                        min(known.lowerBound, stay.first)...max(known.upperBound, stay.last)
                    place.isAtHead = place.isAtHead || stay.isAtHead
                }
            }
        }
    }

    private mutating func addWorkTree() throws {
        var atHead: [[UInt8]: Set<SealedItem>] = [:]
        for stay in history?.stays ?? [] where stay.isAtHead {
            if let item = history?.items[stay.item] { atHead[stay.path, default: []].insert(item) }
        }
        var paths: [[UInt8]] = []
        var closed: [Failure] = []
        try checkout.forEachFile(at: [[]], unread: { closed.append($0) }) { paths.append($0) }
        unread = closed
        for path in paths {
            guard let bytes = try content(path) else { continue }
            let new = SealedItem.all(in: bytes).filter { atHead[path]?.contains($0) != true }
            guard new.contains(where: { !readable($0, at: path).isEmpty }) else { continue }
            for standing in SealedItem.standing(in: bytes, path: path, rules: checkout.rules)
            where new.contains(standing.item) {
                for found in readable(standing.item, at: path) {
                    add(path, standing, found) { $0.isUncommitted = true }
                }
            }
        }
    }

    /// What is staged and stands neither in a commit nor, perhaps, in the work tree.
    private mutating func addIndex() throws {
        guard let history else { return }
        do {
            let tree = try WorkTree.discover(from: Path(checkout.root))
            for entry in try tree.indexEntries() where !history.isKnown(entry.id) {
                do {
                    let standing = SealedItem.standing(
                        in: try history.content(entry.id), path: entry.path, rules: checkout.rules)
                    for one in standing {
                        for found in readable(one.item, at: entry.path) {
                            add(entry.path, one, found) { $0.isUncommitted = true }
                        }
                    }
                } catch let error as GitError {
                    unread.append(
                        Failure(error).at("\(String(decoding: entry.path, as: UTF8.self)) (staged)"))
                }
            }
        } catch let error as GitError {
            unread.append(Failure(error).at("the index"))
        }
    }

    /// Whether everything was looked through that could hold what the members could read.
    var isComplete: Bool {
        guard let history, unread.isEmpty, !history.graph.isCut else { return false }
        return !history.unread.contains { checkout.rules.rule(for: $0) != nil }
    }

    /// The bytes of a file of the work tree; nil where it is too large, or this user may not read it.
    private mutating func content(_ path: [UInt8]) throws -> [UInt8]? {
        do {
            let file = try WorkFile(checkout.place(path))
            guard file.metadata.byteCount <= DocumentLimits().byteCount else { return nil }
            return try file.read(limit: DocumentLimits().byteCount)
        } catch let error as FileError where error.code == .permission {
            unread.append(Failure(error))
            return nil
        }
    }

    private typealias Readable = (member: String, environment: String, epoch: UInt64)

    /// Who could open `item`, which stands or stood at `path`.
    private func readable(_ item: SealedItem, at path: [UInt8]) -> [Readable] {
        var found: [Readable] = []
        for (name, reach) in reaches {
            for (environment, epochs) in reach {
                guard
                    let epoch = item.epoch(
                        of: environment, among: epochs, repository: checkout.rules.repository, path: path)
                else { continue }
                found.append((name, environment, epoch))
            }
        }
        return found
    }

    private mutating func add(
        _ path: [UInt8], _ standing: SealedItem.Standing?, _ found: Readable, _ change: (inout Place) -> Void
    ) {
        let key = Key(
            path: path, object: standing?.object, keyPath: standing?.keyPath, environment: found.environment)
        let position = positions[key] ?? places.count
        if position == places.count {
            positions[key] = position
            places.append(
                Place(
                    path: path, object: key.object, keyPath: key.keyPath, environment: found.environment))
        }
        places[position].epochs.insert(found.epoch)
        places[position].members.insert(found.member)
        change(&places[position])
    }
}

// MARK: - In words

extension Exposures {
    /// A line for each place: file, key path, epochs, commits.
    var lines: [String] {
        places.map { place in
            var text = String(decoding: place.path, as: UTF8.self)
            if let keyPath = place.keyPath { text += ": \(keyPath)" }
            if let object = place.object { text += " (\(object))" }
            let epochs = place.epochs.sorted().map { "\(place.environment)-\($0)" }
            text += ": \(epochs.joined(separator: ", "))"
            if let commits = place.commits, let history {
                text += ", \(history.short(commits.lowerBound))..\(history.short(commits.upperBound))"
                let dates = [commits.lowerBound, commits.upperBound].map { date(of: $0, history) }
                text += dates[0] == dates[1] ? " (\(dates[0]))" : " (\(dates[0]) to \(dates[1]))"
                if place.isAtHead { text += ", at HEAD" }
            }
            if place.isUncommitted { text += ", not committed" }
            return reaches.count == 1 ? text : "\(place.members.sorted().joined(separator: ", ")): \(text)"
        }
    }

    /// What can't be told, a line each.
    var warnings: [String] {
        var lines: [String] = []
        if let reason {
            lines.append("the Git history could not be looked through (\(reason)): only the work tree was")
        }
        lines += unread.map { "not looked into: \($0.message)" }
        guard let history else { return lines }
        if history.graph.isCut {
            lines.append("the history here is cut off (a shallow clone): older commits hold more")
        }
        for path in history.unread.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where checkout.rules.rule(for: path) != nil {
            let name = String(decoding: path, as: UTF8.self)
            lines.append("\(name): too large to be looked into: count it among what could be read")
        }
        return lines
    }

    private func date(of commit: Int, _ history: SealedHistory) -> String {
        String(Exposures.time(history.graph.nodes[commit].time).prefix(10))
    }

    fileprivate static func time(_ seconds: Int64) -> String {
        Timestamp(seconds: seconds)?.description ?? "\(seconds)"
    }
}

/// A place as `--json` shows it.
struct ExposureDocument: Encodable {
    private let path: String
    private let object: String?
    private let keyPath: String?
    private let environment: String
    private let epochs: [UInt64]
    private let members: [String]
    private let firstCommit: String?
    private let firstTime: String?
    private let lastCommit: String?
    private let lastTime: String?
    private let atHead: Bool
    private let uncommitted: Bool

    /// The places of `exposures`.
    static func all(_ exposures: Exposures) -> [ExposureDocument] {
        exposures.places.map { ExposureDocument($0, exposures.history) }
    }

    private init(_ place: Exposures.Place, _ history: SealedHistory?) {
        path = String(decoding: place.path, as: UTF8.self)
        object = place.object
        keyPath = place.keyPath
        environment = place.environment
        epochs = place.epochs.sorted()
        members = place.members.sorted()
        let first = place.commits.flatMap { history?.graph.nodes[$0.lowerBound] }
        let last = place.commits.flatMap { history?.graph.nodes[$0.upperBound] }
        firstCommit = first?.id.hex
        firstTime = first.map { Exposures.time($0.time) }
        lastCommit = last?.id.hex
        lastTime = last.map { Exposures.time($0.time) }
        atHead = place.isAtHead
        uncommitted = place.isUncommitted
    }
}
