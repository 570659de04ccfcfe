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

    /// What the repository names and does not hold: an object of Git LFS, or a submodule's commit.
    package struct Outside: Hashable, Comparable, Sendable {
        /// What it is.
        package enum Kind: UInt8, Sendable {
            /// A file's content on a server for Git LFS.
            case largeFile = 1
            /// A commit of another repository.
            case submodule = 2
        }

        /// What it is.
        package let kind: Kind
        /// The path of the entry that names it.
        package let path: [UInt8]
        /// Its name: `sha256:` and digits, or a commit's digits.
        package let name: [UInt8]

        /// The `name` that the entry at `path` gives.
        package init(kind: Kind, path: [UInt8], name: [UInt8]) {
            self.kind = kind
            self.path = path
            self.name = name
        }

        /// By kind, path and name.
        package static func < (left: Outside, right: Outside) -> Bool {
            guard left.kind == right.kind else { return left.kind.rawValue < right.kind.rawValue }
            guard left.path == right.path else { return left.path.lexicographicallyPrecedes(right.path) }
            return left.name.lexicographicallyPrecedes(right.name)
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
    /// How many bundles there are (`RepositoryIncrement`): applied in order they give every object.
    package var incrementCount: Int
    /// Tips that vanished or were forced away, kept under `refs/backup/<time>/…`; sorted by name.
    package var lost: [Reference]
    /// What is named and not in the bundles; sorted.
    package var outside: [Outside]

    /// The facts of a repository; lists are sorted here.
    package init(
        url: [UInt8], objectFormat: ObjectFormat, head: [UInt8], references: [Reference],
        incrementCount: Int, lost: [Reference], outside: [Outside] = []
    ) {
        self.url = url
        self.objectFormat = objectFormat
        self.head = head
        self.references = references.sorted()
        self.incrementCount = incrementCount
        self.lost = lost.sorted()
        self.outside = outside.sorted()
    }

    private static let format = "strongroom/repository/v1"
    /// A repository has no more bundles.
    package static let incrementLimit = 1 << 20

    /// The canonical bytes.
    package var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(RepositoryFacts.format)
        writer.lp(url)
        writer.uint8(objectFormat.rawValue)
        writer.lp(head)
        RepositoryFacts.write(references, to: &writer)
        writer.uint32(UInt32(clamping: incrementCount))
        RepositoryFacts.write(lost, to: &writer)
        writer.count(outside.count)
        for object in outside {
            writer.uint8(object.kind.rawValue)
            writer.lp(object.path)
            writer.lp(object.name)
        }
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
            let incrementCount = Int(try reader.uint32())
            guard incrementCount <= RepositoryFacts.incrementLimit else {
                throw ArchiveError.damaged("repository facts: number of increments")
            }
            let lost = try RepositoryFacts.readReferences(from: &reader, format)
            let outside = try RepositoryFacts.readOutside(from: &reader)
            try reader.end()
            let facts = RepositoryFacts(
                url: url, objectFormat: format, head: head, references: references,
                incrementCount: incrementCount, lost: lost, outside: outside)
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

    private static func readOutside(from reader: inout CanonicalReader) throws -> [Outside] {
        var objects: [Outside] = []
        for _ in 0..<(try reader.count(itemSize: 9)) {
            guard let kind = Outside.Kind(rawValue: try reader.uint8()) else {
                throw ArchiveError.damaged("repository facts: an object outside")
            }
            let path = try reader.lp(limit: 1 << 16)
            objects.append(Outside(kind: kind, path: path, name: try reader.lp(limit: 1 << 10)))
        }
        return objects
    }
}
