internal import Archives
internal import Encodings
internal import Files
internal import Git
internal import Sodium

// What an agent remembers of a repository that it captured: its facts, and of each increment what is known of it and where the
// store holds it. As of directories (`CaptureMemory`), it may only skip work: increments count as far as the store holds them,
// and a memory that is lost makes a new base, nothing else.
//
// On disk: one file a source, `<hash>.repository`, 0600: hash of what it is of and of the rest (32) ‖ length of the facts
// (u32) ‖ facts ‖ content of the facts ‖ number of increments (u32) ‖ for each: length of the index (u32) ‖ index ‖ content of the bundle ‖ content of the
// index.

/// An increment that the store holds, or held.
struct RepositoryLink {
    /// What is known of it.
    let increment: RepositoryIncrement
    /// Where the bundle is.
    let bundle: Content
    /// Where what is known of it is.
    let index: Content
}

/// What is remembered of one repository.
struct RepositoryMemory {
    /// What was captured last.
    var facts: RepositoryFacts
    /// Where its facts are.
    var factsContent: Content
    /// Its increments.
    var chain: [RepositoryLink]

    /// The place of a memory.
    struct Place {
        private let directory: Path
        private let seed: [UInt8]
        private let name: Path

        /// Where the source `name` at `url` is remembered, in the store that `key` is of (`StoreWriter.memoryKey`).
        init(_ memory: CaptureMemory, _ name: String, _ url: String, key: [UInt8]) {
            directory = memory.directory
            var header = Array("strongroom/repository-memory/v1\n".utf8)
            for part in [key, Array(name.utf8), Array(url.utf8)] {
                header.append(little: UInt32(part.count))
                header += part
            }
            seed = BLAKE2b.hash(header)
            self.name = Path(Hex.encode(seed) + ".repository")
        }

        /// What is remembered; nil for nothing, and for what can't be read.
        func read() -> RepositoryMemory? {
            guard let folder = try? Directory(directory),
                let bytes = try? folder.read(name, limit: RepositoryMemory.byteLimit), bytes.count > 32,
                BLAKE2b.hash(seed + bytes[32...]) == Array(bytes[..<32])
            else { return nil }
            return RepositoryMemory(Array(bytes[32...]))
        }

        /// Remembers. What fails is left: the next run makes a new base.
        func write(_ memory: RepositoryMemory) {
            guard let folder = try? Directory.makePath(directory) else { return }
            let bytes = memory.bytes
            let all = BLAKE2b.hash(seed + bytes) + bytes
            guard all.count <= RepositoryMemory.byteLimit else { return }
            try? unsafe folder.write(all.span.bytes, to: name)
        }

        /// Forgets: the next run makes a new base. Throws `FileError` where the memory stays; `notFound` where there is none.
        func remove() throws(FileError) { try Directory(directory).removeFile(name) }
    }

    private static let byteLimit = 1 << 30

    /// A memory of these.
    init(facts: RepositoryFacts, _ factsContent: Content, chain: [RepositoryLink]) {
        self.facts = facts
        self.factsContent = factsContent
        self.chain = chain
    }

    private init?(_ bytes: [UInt8]) {
        var reader = RecordReader(bytes)
        func field() -> [UInt8]? {
            guard let count = reader.number(UInt32.self), let range = reader.range(Int(count)) else {
                return nil
            }
            return Array(reader[range])
        }
        guard let factBytes = field(), let facts = try? RepositoryFacts(decoding: factBytes),
            let factsContent = Content(record: &reader), let count = reader.number(UInt32.self)
        else { return nil }
        var chain: [RepositoryLink] = []
        for _ in 0..<count {
            guard let indexBytes = field(),
                let increment = try? RepositoryIncrement(decoding: indexBytes),
                increment.objectFormat == .sha1, let bundle = Content(record: &reader),
                let index = Content(record: &reader)
            else { return nil }
            chain.append(RepositoryLink(increment: increment, bundle: bundle, index: index))
        }
        guard reader.isAtEnd, chain.count == facts.incrementCount else { return nil }
        self.init(facts: facts, factsContent, chain: chain)
    }

    private var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ field: [UInt8]) {
            bytes.append(little: UInt32(field.count))
            bytes += field
        }
        add(facts.encoded)
        factsContent.append(to: &bytes)
        bytes.append(little: UInt32(chain.count))
        for link in chain {
            add(link.increment.encoded)
            link.bundle.append(to: &bytes)
            link.index.append(to: &bytes)
        }
        return bytes
    }
}

extension [RepositoryLink] {
    /// The increments up to the first that the store doesn't hold (any more).
    func held(by writer: StoreWriter) async throws(ArchiveError) -> [RepositoryLink] {
        for (number, link) in enumerated() {
            guard try await writer.holds(link.bundle), try await writer.holds(link.index) else {
                return Array(self[..<number])
            }
        }
        return self
    }

    /// What whoever applies all of them has.
    var history: KnownHistory {
        var known = KnownHistory()
        for link in self {
            let commits = link.increment.commits
            for start in stride(from: 0, to: commits.count, by: ObjectID.byteCount) {
                if let id = ObjectID(commits[start..<(start + ObjectID.byteCount)]) {
                    known.commits.insert(id)
                }
            }
            for tip in link.increment.tips { if let id = ObjectID(tip) { known.roots.insert(id) } }
        }
        return known
    }

    /// Whether a new increment begins a new chain: this one is long, or much heavier than its base. A year of daily
    /// commits is to be one chain: a base in its midst would weigh more than all increments.
    var isSpent: Bool {
        guard let base = first else { return false }
        let weight = dropFirst().reduce(UInt64(0)) { $0 &+ $1.increment.byteCount }
        return count >= 400 || weight > 4 * Swift.max(base.increment.byteCount, 16 << 20)
    }
}
