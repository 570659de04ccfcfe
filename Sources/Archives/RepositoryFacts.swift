import Encodings

/// What a snapshot knows of a Git repository beside its bundles: the content of the entry `facts` of a source of kind
/// `repository` (FORMAT.md §11).
package struct RepositoryFacts: Equatable, Sendable {
    /// How objects are named.
    package enum ObjectFormat: UInt8, Sendable {
        /// 20-byte ids.
        case sha1 = 1
        /// 32-byte ids.
        case sha256 = 2

        var byteCount: Int { self == .sha1 ? 20 : 32 }
    }

    /// A reference and the object it points to.
    package struct Reference: Hashable, Comparable, Sendable {
        /// The full name, as bytes: `refs/heads/main`.
        package let name: [UInt8]
        /// The object's id.
        package let target: [UInt8]

        /// The reference `name` to `target`.
        package init(name: [UInt8], target: [UInt8]) {
            self.name = name
            self.target = target
        }

        /// By name, as bytes.
        package static func < (left: Reference, right: Reference) -> Bool {
            left.name.lexicographicallyPrecedes(right.name)
        }
    }

    /// A bundle of the chain, in the order of their making.
    package struct Increment: Equatable, Sendable {
        /// The path of the bundle's entry beneath the source's root.
        package let path: [UInt8]
        /// Its length.
        package let byteCount: UInt64
        /// Commits that it needs from earlier increments, sorted; empty for a base.
        package let prerequisites: [[UInt8]]
        /// The tips that it brings, sorted.
        package let tips: [[UInt8]]

        /// The increment whose bundle is the entry `path`.
        package init(path: [UInt8], byteCount: UInt64, prerequisites: [[UInt8]], tips: [[UInt8]]) {
            self.path = path
            self.byteCount = byteCount
            self.prerequisites = prerequisites.sorted { $0.lexicographicallyPrecedes($1) }
            self.tips = tips.sorted { $0.lexicographicallyPrecedes($1) }
        }
    }

    /// Where it was fetched from.
    package var url: [UInt8]
    /// How its objects are named.
    package var objectFormat: ObjectFormat
    /// What HEAD holds: `ref: refs/heads/main`, or a commit in hexadecimal digits.
    package var head: [UInt8]
    /// Every reference, sorted by name.
    package var references: [Reference]
    /// Applied in order they give every object.
    package var increments: [Increment]
    /// Tips that vanished or were forced away, kept under `refs/backup/<time>/…`; sorted by name.
    package var lost: [Reference]

    /// The facts of a repository; lists are sorted here, increments stay in order.
    package init(
        url: [UInt8], objectFormat: ObjectFormat, head: [UInt8], references: [Reference],
        increments: [Increment], lost: [Reference]
    ) {
        self.url = url
        self.objectFormat = objectFormat
        self.head = head
        self.references = references.sorted()
        self.increments = increments
        self.lost = lost.sorted()
    }

    private static let format = "strongroom/repository/v1"

    /// The canonical bytes.
    package var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(RepositoryFacts.format)
        writer.lp(url)
        writer.uint8(objectFormat.rawValue)
        writer.lp(head)
        RepositoryFacts.write(references, to: &writer)
        writer.count(increments.count)
        for increment in increments {
            writer.lp(increment.path)
            writer.uint64(increment.byteCount)
            for ids in [increment.prerequisites, increment.tips] {
                writer.count(ids.count)
                for id in ids { writer.raw(id) }
            }
        }
        RepositoryFacts.write(lost, to: &writer)
        return writer.bytes
    }

    /// The facts in `bytes`. Throws `damaged` for anything that isn't their one encoding.
    package init(decoding bytes: [UInt8]) throws(ArchiveError) {
        self = try decoding("repository facts") {
            var reader = CanonicalReader(bytes, "repository facts")
            guard try reader.text(limit: 64) == RepositoryFacts.format else {
                throw ArchiveError(.unsupported, "repository facts: not of this version")
            }
            let url = try reader.lp(limit: 1 << 16)
            guard let format = ObjectFormat(rawValue: try reader.uint8()) else {
                throw ArchiveError.damaged("repository facts: object format")
            }
            let head = try reader.lp(limit: 1 << 16)
            let references = try RepositoryFacts.readReferences(from: &reader, format)
            var increments: [Increment] = []
            for _ in 0..<(try reader.count(itemSize: 20)) {
                let path = try reader.lp(limit: PathOrder.byteLimit)
                let byteCount = try reader.uint64()
                let prerequisites = try RepositoryFacts.readIDs(from: &reader, format)
                let tips = try RepositoryFacts.readIDs(from: &reader, format)
                increments.append(
                    Increment(path: path, byteCount: byteCount, prerequisites: prerequisites, tips: tips))
            }
            let lost = try RepositoryFacts.readReferences(from: &reader, format)
            try reader.end()
            let facts = RepositoryFacts(
                url: url, objectFormat: format, head: head, references: references, increments: increments,
                lost: lost)
            guard facts.encoded == bytes else { throw ArchiveError.damaged("repository facts: order") }
            return facts
        }
    }

    private static func write(_ references: [Reference], to writer: inout CanonicalWriter) {
        writer.count(references.count)
        for reference in references {
            writer.lp(reference.name)
            writer.raw(reference.target)
        }
    }

    private static func readReferences(
        from reader: inout CanonicalReader, _ format: ObjectFormat
    ) throws -> [Reference] {
        var references: [Reference] = []
        for _ in 0..<(try reader.count(itemSize: 4 + format.byteCount)) {
            let name = try reader.lp(limit: 1 << 16)
            references.append(Reference(name: name, target: try reader.raw(format.byteCount)))
        }
        return references
    }

    private static func readIDs(from reader: inout CanonicalReader, _ format: ObjectFormat) throws
        -> [[UInt8]]
    {
        var ids: [[UInt8]] = []
        for _ in 0..<(try reader.count(itemSize: format.byteCount)) {
            ids.append(try reader.raw(format.byteCount))
        }
        return ids
    }
}
