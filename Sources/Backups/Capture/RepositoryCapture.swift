internal import Archives
internal import Encodings
internal import Files
internal import Git

/// Takes a Git repository into a store: `facts` and the bundles that give every object (FORMATS.md 4, 13; FORMAT.md §11).
///
/// The increments of the last capture are named again, without their bytes, as far as the store holds them; what none of them
/// has makes a new one. Without a memory each snapshot has a base of its own.
struct RepositoryCapture {
    private let name: String
    private let location: RemoteLocation
    private let source: BundleSource
    private let writer: StoreWriter
    private let memory: RepositoryMemory.Place?
    private let time: Timestamp
    /// Where a bundle lies until it is in the store.
    private let mirror: Path

    /// Stores what is at `url`, which is fetched into the mirror at `path` where it is on another machine or others'. What turns out
    /// damaged, and a source that lost objects while it was read, are read again, from the start, twice at most (CASES.md F086).
    /// Where it still is, the refs that are sound are captured, and the source is partial.
    ///
    /// Throws `GitError`, `FileError`, and `ArchiveError` where the store fails.
    static func run(
        _ name: String, _ url: String, _ path: Path, _ fetching: FetchOptions, _ writer: StoreWriter,
        _ memory: CaptureMemory?, startedAt time: Timestamp
    ) async throws -> SnapshotSource {
        let location = try RemoteLocation(url, allowingPlainHTTP: fetching.allowsPlainHTTP)
        _ = try Directory.makePath(path.parent)
        let place = memory.map { RepositoryMemory.Place($0, name, location.text, key: writer.memoryKey) }
        func capture(_ source: BundleSource, usingGit: Bool) async throws -> SnapshotSource {
            try await RepositoryCapture(
                name: name, location: location, source: source, writer: writer, memory: place,
                time: time, mirror: path
            ).run(usingGit: usingGit)
        }
        /// Nil where it is to be tried again.
        func open(_ attempt: Int) throws(GitError) -> BundleSource? {
            do throws(GitError) {
                return try BundleSource.open(location, mirror: path, rebuilding: attempt == 2, fetching)
            } catch {
                guard passing.contains(error.code), attempt < attemptLimit else { throw error }
                return nil
            }
        }
        var attempt = 0
        while true {
            attempt += 1
            guard let source = try open(attempt) else {
                try Task.checkCancellation()
                continue
            }
            do {
                // libgit2 says which object is the matter.
                return try await capture(source, usingGit: attempt < attemptLimit)
            } catch let error as GitError where passing.contains(error.code) {
                try Task.checkCancellation()
                guard attempt == attemptLimit else { continue }
                guard let sound = try source.sound() else { throw error }
                return try await capture(sound, usingGit: true)
            }
        }
    }

    private static let attemptLimit = 3
    /// What a source shows whose refs and packs are replaced while they are read, or that is broken.
    private static let passing: Set<GitError.Code> = [
        .damaged, .objectMissing, .referenceMissing, .wrongObjectType, .malformedCommit, .malformedTree,
        .malformedTag,
    ]

    private func run(usingGit: Bool) async throws -> SnapshotSource {
        let references = source.references
        let last = memory?.read()
        var chain = try await last?.chain.held(by: writer) ?? []
        var facts = RepositoryFacts(
            url: Array(location.text.utf8), objectFormat: .sha1, head: references.headBytes,
            references: references.entries.map { .init(name: $0.name.bytes, target: $0.target.bytes) },
            incrementCount: 0, lost: [])
        var fresh: Fresh?
        if let last, chain.count == last.chain.count, last.facts.head == facts.head,
            last.facts.references == facts.references
        {
            facts.lost = LostReferences.apart(last.facts.lost, from: facts.references.map(\.name)).sorted()
            facts.outside = last.facts.outside
        } else {
            let known = chain.history
            if !chain.isEmpty, let plan = try source.plan(knowing: known) {
                if chain.isSpent {
                    chain = []
                } else {
                    fresh = Fresh(header: plan.header, commits: plan.commits)
                }
            }
            if chain.isEmpty, let header = source.wholeHeader { fresh = Fresh(header: header, commits: nil) }
            if let last, !chain.isEmpty {
                facts.lost = try LostReferences.since(last.facts, in: source, known, at: time)
            }
            facts.outside = try source.repository.outsideObjects(of: references).map {
                .init(kind: .init($0.kind), path: $0.path, name: $0.name)
            }
        }
        facts.incrementCount = chain.count + (fresh == nil ? 0 : 1)
        return try await store(facts, last, chain, fresh, usingGit: usingGit)
    }

    /// A bundle that is to be made.
    private struct Fresh {
        let header: BundleHeader
        /// The commits that it brings, sorted; nil where they are still to be listed.
        let commits: [ObjectID]?
    }

    /// Stores the facts, the chain as it is, and the increment `fresh` behind it.
    private func store(
        _ facts: RepositoryFacts, _ last: RepositoryMemory?, _ chain: [RepositoryLink],
        _ fresh: Fresh?, usingGit: Bool
    ) async throws -> SnapshotSource {
        let spool = try RepositoryCapture.spool(beside: mirror)
        var increment: RepositoryIncrement?
        if let fresh { increment = try await bundle(fresh, into: spool, usingGit: usingGit) }
        let contents = FoundContents()
        var tree = EntryTreeWriter(writer) { entry in contents.byPath[entry.path] = entry.content }
        let path = Array("facts".utf8)
        // Small files share a chunk: written again beside others, the same facts would lie in another.
        var isHeld = false
        if let last, last.facts == facts {
            isHeld = try await tree.addHeld(
                Entry(path: path, kind: .file(last.factsContent), mode: 0o600))
        }
        if !isHeld { try await tree.add(path, facts.encoded, mode: 0o600) }
        if facts.incrementCount > 0 {
            try await tree.add(Entry(path: Array("increments".utf8), kind: .directory, mode: 0o700))
        }
        for (number, link) in chain.enumerated() {
            for (path, content) in [
                (RepositoryIncrement.bundlePath(number), link.bundle),
                (RepositoryIncrement.indexPath(number), link.index),
            ] { try await tree.add(Entry(path: path, kind: .file(content), mode: 0o600)) }
        }
        if let increment {
            let bundle = RepositoryIncrement.bundlePath(chain.count)
            var offset: Int64 = 0
            let content = try await tree.content(expectedByteCount: increment.byteCount) { room in
                let count = try spool.read(into: &room, at: offset)
                offset += Int64(count)
                return count
            }
            guard content.byteCount == increment.byteCount else {
                throw GitError(.ioFailed, "the bundle of \(location.text) can't be read back")
            }
            try await tree.add(Entry(path: bundle, kind: .file(.empty), mode: 0o600), content: content)
            try await tree.add(
                RepositoryIncrement.indexPath(chain.count), increment.encoded, mode: 0o600)
        }
        let root = try await tree.finish()
        var links = chain
        if let increment {
            guard let bundle = contents.byPath[RepositoryIncrement.bundlePath(chain.count)],
                let index = contents.byPath[RepositoryIncrement.indexPath(chain.count)]
            else { throw ArchiveError(.invalid, "repository: an increment that isn't in its tree") }
            links.append(RepositoryLink(increment: increment, bundle: bundle, index: index))
        }
        if let factsContent = contents.byPath[path] {
            memory?.write(RepositoryMemory(facts: facts, factsContent, chain: links))
        }
        return SnapshotSource(
            name: name, kind: .repository, status: source.flaws.isEmpty ? .complete : .partial,
            notes: source.notes(facts) + facts.notes, root: root,
            facts: [
                SourceFact("head", facts.head), SourceFact("increments", decimal(facts.incrementCount)),
                SourceFact("references", decimal(facts.references.count)), SourceFact("url", facts.url),
            ])
    }

    /// Writes the bundle `fresh` into `spool`. Nothing of it goes to the store before Git has ended well. Commits are listed
    /// while Git packs.
    private func bundle(
        _ fresh: Fresh, into spool: borrowing Descriptor, usingGit: Bool
    ) async throws -> RepositoryIncrement {
        let source = source
        async let commits = try fresh.commits ?? source.commits(of: fresh.header)
        let (header, byteCount) = try write(fresh.header, into: spool, usingGit: usingGit)
        // A base was compared while it was made.
        if !header.prerequisites.isEmpty { try verify(spool) }
        let tips = Set(header.references.map(\.target) + (header.head.map { [$0] } ?? []))
        return RepositoryIncrement(
            objectFormat: .sha1, byteCount: byteCount, prerequisites: header.prerequisites.map(\.bytes),
            tips: tips.map(\.bytes), commits: try await commits.flatMap(\.bytes))
    }

    private func write(
        _ header: BundleHeader, into spool: borrowing Descriptor, usingGit: Bool
    ) throws(GitError) -> (header: BundleHeader, byteCount: UInt64) {
        var byteCount: UInt64 = 0
        let written = try source.write(header, usingGit: usingGit) { bytes in
            try spool.write(bytes)
            byteCount += UInt64(bytes.byteCount)
        }
        return (written, byteCount)
    }

    private func verify(_ spool: borrowing Descriptor) throws(GitError) {
        var offset: Int64 = 0
        try source.verify { room in
            let count = try spool.read(into: &room, at: offset)
            offset += Int64(count)
            return count
        }
    }

    private func decimal(_ number: Int) -> [UInt8] { Array(String(number).utf8) }

    /// A file without a name beside the mirror. Killed before its name goes, it is cleared by the next fetch, for it
    /// is called like what a fetch makes.
    private static func spool(beside mirror: Path) throws(FileError) -> Descriptor {
        let directory = try Directory(mirror.parent)
        let digits = String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16)
        let name = Path([0x2E] + mirror.name.bytes.prefix(200) + Array(".new-\(digits)".utf8))
        let file = try directory.createFile(name)
        try directory.removeFile(name)
        return file
    }
}

/// Where the contents of a tree came to lie.
private final class FoundContents {
    var byPath: [[UInt8]: Content] = [:]
}

extension References {
    /// What HEAD holds: `ref: refs/heads/main`, or a commit in hexadecimal digits.
    var headBytes: [UInt8] {
        switch head {
        case .symbolic(let name): Array("ref: ".utf8) + name.bytes
        case .detached(let id): Array(id.hex.utf8)
        }
    }
}

extension RepositoryFacts.Outside.Kind {
    fileprivate init(_ kind: OutsideObject.Kind) {
        switch kind {
        case .largeFile: self = .largeFile
        case .submodule: self = .submodule
        }
    }
}

extension BundleSource {
    /// What the snapshot of `facts` says of refs that it doesn't hold, or not as they are.
    fileprivate func notes(_ facts: RepositoryFacts) -> [String] {
        var notes = CaptureNotes()
        for flaw in flaws {
            let name = String(decoding: flaw.name, as: UTF8.self)
            let isKept = LostReferences.holds(flaw.name, facts.lost)
            notes.add(
                "\(name) is left out\(isKept ? ", and what it held the last time is kept" : ""): \(flaw.reason)"
            )
        }
        guard !symbolic.isEmpty else { return notes.all }
        let names = Set(facts.references.map(\.name))
        for reference in symbolic where !flaws.contains(where: { $0.name == reference.name }) {
            let name = String(decoding: reference.name, as: UTF8.self)
            let target = reference.target?.description ?? "nothing below refs/"
            let isThere = names.contains(reference.name)
            notes.add(
                "\(name) is a symbolic ref to \(target)"
                    + (isThere
                        ? ": it comes back as a plain ref to the same object"
                        : ", which is not there: it is not captured"))
        }
        return notes.all
    }
}

extension RepositoryFacts {
    /// What the snapshot says of objects that it doesn't hold: how many of each kind, and the first of them.
    fileprivate var notes: [String] {
        [(Outside.Kind.largeFile, "object of Git LFS"), (.submodule, "submodule")].compactMap { kind, word in
            let paths = outside.filter { $0.kind == kind }.map { Path($0.path).description }
            guard let first = paths.first else { return nil }
            guard paths.count > 1 else { return "1 \(word) is not captured: \(first)" }
            return "\(paths.count) \(word)s are not captured: \(first) and \(paths.count - 1) more"
        }
    }
}
