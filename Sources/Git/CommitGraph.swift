/// The commits that lead to some starts, as far as they are here: parents before children, the older first where the
/// graph leaves a choice.
///
/// Commits are read as leniently as Git reads them: history is looked through as it is, and nothing here is evidence of
/// who made it.
package struct CommitGraph: Sendable {
    /// One commit.
    package struct Node: Sendable {
        /// The commit.
        package let id: ObjectID
        /// Its directory.
        package let tree: ObjectID
        /// The positions of those of its parents that are here, each below its own.
        package let parents: [Int]
        /// When it was made by its committer's clock, in seconds since 1970.
        package let time: Int64
        /// Whether a parent is not here.
        package let isCut: Bool
    }

    /// The commits, in that order.
    package let nodes: [Node]
    private let positions: [ObjectID: Int]

    /// Whether history goes on before what is here: a shallow clone, or one that lacks objects.
    package var isCut: Bool { nodes.contains(where: \.isCut) }

    /// The position of a commit; nil where it is not in the graph.
    package func position(of id: ObjectID) -> Int? { positions[id] }

    /// Whether the commit at `ancestor` is the one at `position` or stands before it.
    package func isAncestor(_ ancestor: Int, of position: Int) -> Bool {
        var waiting = [position]
        var seen: Set<Int> = []
        while let next = waiting.popLast() {
            guard next != ancestor else { return true }
            // Parents stand below: nothing under the ancestor leads to it.
            for parent in nodes[next].parents where parent >= ancestor && seen.insert(parent).inserted {
                waiting.append(parent)
            }
        }
        return false
    }

    /// Orders commits that were read.
    fileprivate init(_ found: [ObjectID: RawCommit]) {
        var childCounts: [ObjectID: Int] = [:]
        for commit in found.values {
            for parent in commit.parents where found[parent] != nil { childCounts[parent, default: 0] += 1 }
        }
        var heap = NewestFirst()
        for (id, commit) in found where childCounts[id] == nil { heap.push(id, commit.time) }
        var order: [ObjectID] = []
        order.reserveCapacity(found.count)
        while let id = heap.pop() {
            order.append(id)
            for parent in found[id]?.parents ?? [] {
                guard let commit = found[parent], let count = childCounts[parent] else { continue }
                childCounts[parent] = count - 1
                if count == 1 { heap.push(parent, commit.time) }
            }
        }
        order.reverse()
        let positions = Dictionary(order.enumerated().map { ($1, $0) }) { first, _ in first }
        nodes = order.compactMap { id in
            found[id].map { commit in
                Node(
                    id: id, tree: commit.tree, parents: commit.parents.compactMap { positions[$0] },
                    time: commit.time, isCut: commit.parents.contains { found[$0] == nil })
            }
        }
        self.positions = positions
    }
}

extension Repository {
    /// The commits that are reachable from `starts`, which name commits or tags of them. A start that leads to none is
    /// left out, and so is a commit that is not here.
    ///
    /// Throws `limitExceeded` above `limit` commits, `malformedCommit` where not even Git could read one.
    package func graph(from starts: [ObjectID], limit: Int = 5_000_000) throws(GitError) -> CommitGraph {
        var found: [ObjectID: RawCommit] = [:]
        var waiting: [ObjectID] = []
        for start in starts {
            do throws(GitError) {
                waiting.append(try peel(start))
            } catch {
                guard [.objectMissing, .wrongObjectType].contains(error.code) else { throw error }
            }
        }
        while let id = waiting.popLast() {
            guard found[id] == nil else { continue }
            let raw: RawObject
            do throws(GitError) {
                raw = try object(id, limit: GitLimits.metadataByteCount)
            } catch {
                guard error.code == .objectMissing else { throw error }
                continue
            }
            guard raw.type == .commit else {
                throw GitError(.wrongObjectType, "object \(id) is no commit")
            }
            guard found.count < limit else { throw GitError(.limitExceeded, "more than \(limit) commits") }
            let commit = try RawCommit(raw.bytes)
            found[id] = commit
            for parent in commit.parents where found[parent] == nil { waiting.append(parent) }
        }
        return CommitGraph(found)
    }
}

/// What the graph needs of a commit's bytes.
private struct RawCommit {
    let tree: ObjectID
    let parents: [ObjectID]
    let time: Int64

    init(_ raw: [UInt8]) throws(GitError) {
        let links = try ObjectLinks(.commit, raw).links
        tree = links[0].id
        parents = links.dropFirst().map(\.id)
        time = RawCommit.committerTime(raw)
    }

    /// The seconds of the committer's line; 0 where there is none, as Git takes it.
    private static func committerTime(_ raw: [UInt8]) -> Int64 {
        var rest = raw[...]
        while let end = rest.firstIndex(of: 0x0A), end > rest.startIndex {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard line.starts(with: "committer ".utf8), let mark = line.lastIndex(of: 0x3E) else { continue }
            let word = line[(mark + 1)...].drop { $0 == 0x20 }.prefix { $0 != 0x20 }
            return Int64(String(decoding: word, as: UTF8.self)) ?? 0
        }
        return 0
    }
}

/// Commits by time, the newest on top: a binary heap. Of two of one time the lower id comes first, so that one graph has
/// one order.
private struct NewestFirst {
    private var items: [(id: ObjectID, time: Int64)] = []

    mutating func push(_ id: ObjectID, _ time: Int64) {
        items.append((id, time))
        var child = items.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> ObjectID? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first.id }
        items[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < items.count else { return first.id }
            let child = left + 1 < items.count && isBefore(left + 1, left) ? left + 1 : left
            guard isBefore(child, parent) else { return first.id }
            items.swapAt(child, parent)
            parent = child
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (items[right].time, items[left].id) < (items[left].time, items[right].id)
    }
}
