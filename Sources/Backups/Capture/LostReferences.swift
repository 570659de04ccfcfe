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
        let kept = last.lost.filter(isKnown)
        let missing = (last.references + last.detachedHead).filter {
            now[$0.name] != $0.target && isKnown($0)
        }
        guard !missing.isEmpty else { return apart(kept, from: source.references.entries.map(\.name.bytes)) }
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
        return Array(apart(kept + lost, from: Array(now.keys)).sorted().suffix(limit))
    }

    /// `lost` under names that neither are nor are above or below one of `names` or another of their own: in a repository's files
    /// `refs/a` and `refs/a/b` can't be both. Another name is another number behind the time: `refs/backup/<time>-2/…`.
    static func apart(
        _ lost: [RepositoryFacts.Reference], from names: [[UInt8]]
    ) -> [RepositoryFacts.Reference] {
        guard !lost.isEmpty else { return [] }
        var taken = Set(names)
        var folders: Set<[UInt8]> = []
        func ancestors(_ name: [UInt8]) -> [[UInt8]] {
            name.indices.filter { name[$0] == 0x2F }.map { Array(name[..<$0]) }
        }
        for name in names { folders.formUnion(ancestors(name)) }
        func isFree(_ name: [UInt8]) -> Bool {
            !taken.contains(name) && !folders.contains(name)
                && !ancestors(name).contains { taken.contains($0) }
        }
        return lost.compactMap { reference in
            var name = reference.name
            var number = 1
            while !isFree(name) {
                number += 1
                let rest = reference.name.dropFirst(prefix.utf8.count)
                let label = rest.prefix { $0 != 0x2F }
                name = Array(prefix.utf8) + label + Array("-\(number)".utf8) + rest.dropFirst(label.count)
            }
            guard (try? ReferenceName(name)) != nil else { return nil }
            taken.insert(name)
            folders.formUnion(ancestors(name))
            return RepositoryFacts.Reference(name: name, target: reference.target)
        }
    }

    /// Whether what `name` held stands among `lost`.
    static func holds(_ name: [UInt8], _ lost: [RepositoryFacts.Reference]) -> Bool {
        let isReference = name.starts(with: "refs/".utf8)
        let end = [0x2F] + (isReference ? name.dropFirst("refs/".utf8.count) : name[...])
        return lost.contains { reference in
            let rest = reference.name.dropFirst(prefix.utf8.count)
            return rest.drop { $0 != 0x2F }.elementsEqual(end)
        }
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
