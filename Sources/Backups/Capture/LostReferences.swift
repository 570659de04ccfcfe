internal import Archives
internal import Encodings
internal import Git

/// Tips that vanished or were forced away since the last capture: they are named `refs/backup/<time>/…` for as long as the
/// chain of increments that brought them goes on.
enum LostReferences {
    /// No more of them are kept; of more, the oldest go.
    private static let limit = 10_000
    private static let prefix = "refs/backup/"

    /// Those that `last` kept and those that are missing since, of objects that `known` has.
    ///
    /// Throws `GitError`.
    static func since(
        _ last: RepositoryFacts, in source: BundleSource, _ known: KnownHistory, at time: Timestamp
    ) throws(GitError) -> [RepositoryFacts.Reference] {
        var targets = Set(source.references.entries.map(\.target.bytes))
        if let head = source.references.headTarget { targets.insert(head.bytes) }
        let now = Dictionary(
            source.references.entries.map { ($0.name.bytes, $0.target.bytes) }, uniquingKeysWith: { $1 })
        func isKnown(_ reference: RepositoryFacts.Reference) -> Bool {
            guard !targets.contains(reference.target) else { return false }
            return ObjectID(reference.target).map { known.contains($0) } ?? false
        }
        let kept = last.lost.filter { isKnown($0) && now[$0.name] == nil }
        let missing = (last.references + last.detachedHead).filter {
            now[$0.name] != $0.target && isKnown($0)
        }
        guard !missing.isEmpty else { return kept }
        let gone = try source.unreachable(missing.compactMap { ObjectID($0.target) })
        let taken = kept.map(\.name) + now.keys
        var label = prefix + stamp(time)
        var number = 1
        while taken.contains(where: { $0.starts(with: "\(label)/".utf8) || $0.elementsEqual(label.utf8) }) {
            number += 1
            label = "\(prefix)\(stamp(time))-\(number)"
        }
        let lost = missing.compactMap { reference -> RepositoryFacts.Reference? in
            guard let id = ObjectID(reference.target), gone.contains(id) else { return nil }
            let name = Array("\(label)/".utf8) + reference.name.dropFirst("refs/".utf8.count)
            guard (try? ReferenceName(name)) != nil else { return nil }
            return RepositoryFacts.Reference(name: name, target: reference.target)
        }
        return Array((kept + lost).sorted().suffix(limit))
    }

    /// `20261123T140500Z`: no ref's name has a colon.
    private static func stamp(_ time: Timestamp) -> String {
        let text = Timestamp(nanoseconds: time.seconds * 1_000_000_000).description
        return String(decoding: text.utf8.filter { $0 != 0x2D && $0 != 0x3A }, as: UTF8.self)
    }
}

extension RepositoryFacts {
    /// A detached HEAD, as if it were a ref: what it was at is lost like any tip when it moves on.
    fileprivate var detachedHead: [Reference] {
        let name = Array("refs/HEAD".utf8)
        guard !head.starts(with: "ref: ".utf8), !references.contains(where: { $0.name == name }),
            let id = try? ObjectID(hex: head)
        else { return [] }
        return [Reference(name: name, target: id.bytes)]
    }
}
