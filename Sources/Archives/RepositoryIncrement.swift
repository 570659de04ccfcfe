import Encodings

/// One bundle of a repository, and what is known of it without reading it: the content of the entry
/// `increments/<number>.index` (FORMAT.md §11).
package struct RepositoryIncrement: Equatable, Sendable {
    /// How objects are named.
    package let objectFormat: RepositoryFacts.ObjectFormat
    /// The bundle's length.
    package let byteCount: UInt64
    /// Commits that it needs from earlier increments, sorted; empty for a base.
    package let prerequisites: [[UInt8]]
    /// The objects that its refs name, sorted.
    package let tips: [[UInt8]]
    /// The ids of the commits that it brings, sorted, one behind the other.
    package let commits: [UInt8]

    /// The increment of a bundle; lists are sorted here, `commits` are already.
    package init(
        objectFormat: RepositoryFacts.ObjectFormat, byteCount: UInt64, prerequisites: [[UInt8]],
        tips: [[UInt8]], commits: [UInt8]
    ) {
        self.objectFormat = objectFormat
        self.byteCount = byteCount
        self.prerequisites = prerequisites.sorted { $0.lexicographicallyPrecedes($1) }
        self.tips = tips.sorted { $0.lexicographicallyPrecedes($1) }
        self.commits = commits
    }

    /// The path of bundle `number`, from 0, beneath the source's root.
    package static func bundlePath(_ number: Int) -> [UInt8] { path(number, "bundle") }

    /// The path of what is known of bundle `number`.
    package static func indexPath(_ number: Int) -> [UInt8] { path(number, "index") }

    private static func path(_ number: Int, _ suffix: String) -> [UInt8] {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, 6 - digits.utf8.count))
        return Array("increments/\(zeros)\(digits).\(suffix)".utf8)
    }

    /// How many commits it brings.
    package var commitCount: Int { commits.count / objectFormat.byteCount }

    /// The id of a commit by its position.
    package func commit(at position: Int) -> ArraySlice<UInt8> {
        let start = position * objectFormat.byteCount
        return commits[start..<(start + objectFormat.byteCount)]
    }

    /// The commits that begin with `prefix`, in order.
    package func commits(beginningWith prefix: [UInt8]) -> [[UInt8]] {
        var (low, high) = (0, commitCount)
        while low < high {
            let middle = (low + high) / 2
            if commit(at: middle).lexicographicallyPrecedes(prefix) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        var found: [[UInt8]] = []
        while low < commitCount, commit(at: low).starts(with: prefix) {
            found.append(Array(commit(at: low)))
            low += 1
        }
        return found
    }

    private static let format = "strongroom/increment/v1"

    /// The canonical bytes.
    package var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(RepositoryIncrement.format)
        writer.uint8(objectFormat.rawValue)
        writer.uint64(byteCount)
        for ids in [prerequisites, tips] {
            writer.count(ids.count)
            for id in ids { writer.raw(id) }
        }
        writer.count(commitCount)
        writer.raw(commits)
        return writer.bytes
    }

    /// The increment in `bytes`. Throws `damaged` for anything that isn't its one encoding.
    package init(decoding bytes: [UInt8]) throws(ArchiveError) {
        self = try decoding("repository increment") {
            var reader = CanonicalReader(bytes, "repository increment")
            guard try reader.text(limit: 64) == RepositoryIncrement.format else {
                throw ArchiveError(.unsupported, "repository increment: not of this version")
            }
            guard let format = RepositoryFacts.ObjectFormat(rawValue: try reader.uint8()) else {
                throw ArchiveError.damaged("repository increment: object format")
            }
            let byteCount = try reader.uint64()
            let prerequisites = try RepositoryIncrement.readIDs(from: &reader, format)
            let tips = try RepositoryIncrement.readIDs(from: &reader, format)
            let count = try reader.count(itemSize: format.byteCount)
            let commits = try reader.raw(count * format.byteCount)
            try reader.end()
            let increment = RepositoryIncrement(
                objectFormat: format, byteCount: byteCount, prerequisites: prerequisites, tips: tips,
                commits: commits)
            guard increment.encoded == bytes, increment.isSorted else {
                throw ArchiveError.damaged("repository increment: order")
            }
            return increment
        }
    }

    /// Whether each commit stands behind the one before, and none twice.
    private var isSorted: Bool {
        (0..<max(0, commitCount - 1)).allSatisfy {
            commit(at: $0).lexicographicallyPrecedes(commit(at: $0 + 1))
        }
    }

    private static func readIDs(
        from reader: inout CanonicalReader, _ format: RepositoryFacts.ObjectFormat
    ) throws -> [[UInt8]] {
        var ids: [[UInt8]] = []
        for _ in 0..<(try reader.count(itemSize: format.byteCount)) {
            ids.append(try reader.raw(format.byteCount))
        }
        return ids
    }
}
