package import Files
internal import Glibc

/// A repository that bundles are made of, with its refs at one moment.
///
/// A directory of this machine whose files belong to this process's user or to root is read where it is, and nothing of it is
/// copied. All else is fetched into a mirror first (`Mirror.fetch`): what others own is read by a process of its own.
package struct BundleSource: Sendable {
    /// The repository.
    package let repository: Repository
    /// Its refs and HEAD at the time, but for those of `flaws`.
    package let references: References
    /// Refs that can't be captured.
    package let flaws: [ReferenceFlaw]
    /// Its symbolic refs but for HEAD: `references` has what they come to. Known of directories of this machine alone.
    package let symbolic: [SymbolicReference]
    private let objects: Path
    private let mirror: MirrorDirectory
    private let limits: FetchLimits

    /// How often refs are read until they stand still.
    private static let readingLimit = 8

    /// Opens `location`, with a mirror at `path` where it needs one; its parent must be there. With `rebuilding` the mirror is made
    /// anew. Throws as `Mirror.fetch`.
    package static func open(
        _ location: RemoteLocation, mirror path: Path, rebuilding: Bool = false, _ options: FetchOptions
    ) throws(GitError) -> BundleSource {
        let place = try location.directory.map { path throws(GitError) in try RepositoryPlace(at: path) }
        let loose = try place.map { place throws(GitError) in try LooseReferences(in: place.common) }
        if let place, let loose, let source = try local(place, path, options, loose) { return source }
        let mirror = try Mirror.fetch(location, into: path, rebuilding: rebuilding, options)
        return BundleSource(
            repository: mirror.repository, references: mirror.references,
            objects: mirror.repository.path.appending("objects"), mirror: MirrorDirectory(at: path),
            limits: options.limits, flaws: loose?.flaws ?? [], symbolic: loose?.symbolic ?? [])
    }

    /// The bare repository at `path`, one of our own making. Beside it a passing directory is made.
    package init(at path: Path) throws(GitError) {
        repository = try Repository(at: path)
        references = try repository.references()
        objects = path.appending("objects")
        mirror = MirrorDirectory(at: path)
        limits = FetchLimits()
        flaws = []
        symbolic = []
    }

    /// `source` with other refs and more flaws.
    init(_ source: BundleSource, _ references: References, _ flaws: [ReferenceFlaw]) {
        self.init(
            repository: source.repository, references: references, objects: source.objects,
            mirror: source.mirror, limits: source.limits, flaws: source.flaws + flaws,
            symbolic: source.symbolic)
    }

    private init(
        repository: Repository, references: References, objects: Path, mirror: MirrorDirectory,
        limits: FetchLimits, flaws: [ReferenceFlaw], symbolic: [SymbolicReference]
    ) {
        self.flaws = flaws
        self.symbolic = symbolic
        self.repository = repository
        self.references = references
        self.objects = objects
        self.mirror = mirror
        self.limits = limits
    }

    private static func local(
        _ place: RepositoryPlace, _ path: Path, _ options: FetchOptions, _ loose: LooseReferences
    ) throws(GitError) -> BundleSource? {
        guard try isTrusted(place) else { return nil }
        try place.checkFormat()
        let mirror = MirrorDirectory(at: path)
        let lock = try mirror.lock(waitingSeconds: options.lockSeconds)
        defer { _ = lock }
        try mirror.removeTemporaries()
        let repository = try Repository(directory: place.directory, configuration: nil)
        let (offered, leftOut) = try settledReferences(of: repository)
        guard offered.entries.count <= options.limits.referenceCount else {
            throw GitError(.limitExceeded, "more than \(options.limits.referenceCount) refs")
        }
        let references = try options.scope.merged(offered, into: References([], head: offered.head))
        // A packed ref of that name is older than the file that can't be read.
        let flawed = Set(loose.flaws.map(\.name))
        let sound = try References(
            references.entries.filter { !flawed.contains($0.name.bytes) }, head: references.head)
        return BundleSource(
            repository: repository, references: sound, objects: place.common.appending("objects"),
            mirror: mirror, limits: options.limits,
            flaws: loose.flaws
                + leftOut.filter { !flawed.contains($0.name.bytes) }.map(ReferenceFlaw.init(directory:)),
            symbolic: loose.symbolic)
    }

    /// Refs lie in many files: those of one moment are read twice alike.
    private static func settledReferences(
        of repository: Repository
    ) throws(GitError) -> (references: References, leftOut: [References.Entry]) {
        var last = try repository.soundReferences()
        for _ in 0..<readingLimit {
            let again = try repository.soundReferences()
            guard again != last else { break }
            last = again
        }
        return last
    }

    /// Whether nobody but this process's user and root can have put there what libgit2 and Git are to parse.
    private static func isTrusted(_ place: RepositoryPlace) throws(GitError) -> Bool {
        try GitError.onFiles("look at \(place.common)") { () throws(FileError) -> Bool in
            let directory = try Directory(place.common)
            let owners = [
                try directory.metadata().owner.user, try directory.metadata(of: "objects").owner.user,
            ]
            return owners.allSatisfy { $0 == geteuid() || $0 == 0 }
        }
    }
}

// MARK: - Increments

/// What a receiver of bundles has: with a commit everything that it reaches, and with a root all that belongs to it.
package struct KnownHistory: Sendable {
    /// The commits.
    package var commits: Set<ObjectID>
    /// Objects that refs named: tags, and trees and blobs too.
    package var roots: Set<ObjectID>

    /// What a receiver has who has nothing.
    package init(commits: Set<ObjectID> = [], roots: Set<ObjectID> = []) {
        self.commits = commits
        self.roots = roots
    }

    /// Whether the receiver has the object for sure.
    package func contains(_ id: ObjectID) -> Bool { commits.contains(id) || roots.contains(id) }
}

/// What is new since some history: a bundle to be.
package struct IncrementPlan: Sendable {
    /// The bundle's header: the refs at objects that are new, and the commits that they stand on.
    package let header: BundleHeader
    /// The new commits, sorted.
    package let commits: [ObjectID]
}

extension BundleSource {
    /// The header of a bundle of everything; nil where the refs name nothing. Its commits are `commits(from:)` its roots.
    package var wholeHeader: BundleHeader? {
        guard !references.entries.isEmpty || references.headTarget != nil else { return nil }
        return BundleHeader(
            prerequisites: [], references: references.entries, head: references.headTarget)
    }

    /// What the refs reach and `known` does not have; nil where that is nothing. Reads the new commits.
    ///
    /// Throws `objectMissing`, `damaged`, `malformedCommit`, `malformedTag`.
    package func plan(knowing known: KnownHistory = KnownHistory()) throws(GitError) -> IncrementPlan? {
        let entries = references.entries.filter { !known.contains($0.target) }
        var head = references.headTarget
        if let id = head, known.contains(id) { head = nil }
        guard !entries.isEmpty || head != nil else { return nil }
        let roots = entries.map(\.target) + (head.map { [$0] } ?? [])
        let (commits, edge) = try walk(from: roots, known.commits)
        let header = BundleHeader(prerequisites: edge.sorted(), references: entries, head: head)
        return IncrementPlan(header: header, commits: commits.sorted())
    }

    /// The commits that the roots of `header` reach, sorted. Throws as `plan(knowing:)`.
    package func commits(of header: BundleHeader) throws(GitError) -> [ObjectID] {
        try walk(from: header.roots, []).commits.sorted()
    }

    /// The commits that are reachable from `roots`, but for those of `known`, and those of `known` that they stand on.
    private func walk(
        from roots: [ObjectID], _ known: Set<ObjectID>
    ) throws(GitError) -> (commits: Set<ObjectID>, edge: Set<ObjectID>) {
        try repository.withHandle { handle throws(GitError) in
            var edge: Set<ObjectID> = []
            var commits: Set<ObjectID> = []
            var waiting: [ObjectID] = []
            var open = Array(Set(roots))
            while let id = open.popLast() {
                guard !known.contains(id) else {
                    edge.insert(id)
                    continue
                }
                switch try handle.header(of: id).type {
                case .commit: waiting.append(id)
                case .tag:
                    let raw = try handle.read(id, expecting: .tag, limit: GitLimits.metadataByteCount)
                    open += try ObjectLinks(.tag, raw.bytes).links.map(\.id)
                case .tree, .blob: continue
                }
            }
            while let id = waiting.popLast() {
                guard commits.insert(id).inserted else { continue }
                let raw = try handle.read(id, expecting: .commit, limit: GitLimits.metadataByteCount)
                for link in try ObjectLinks(.commit, raw.bytes).links where link.type == .commit {
                    if known.contains(link.id) { edge.insert(link.id) } else { waiting.append(link.id) }
                }
            }
            return (commits, edge)
        }
    }

    /// Hands the bundle of `header` to `sink`. With `usingGit`, and where Git is installed, `git pack-objects` makes its pack:
    /// deltas that are there are copied, and a pack with prerequisites is thin. Else libgit2 does, and its packs stand
    /// for themselves. Returns the header as it was written.
    ///
    /// Blocks. Throws `objectMissing`, `damaged`, `limitExceeded`, `timedOut`, `stoppedByCaller`.
    package func write(
        _ header: BundleHeader, usingGit: Bool = true, to sink: (RawSpan) throws -> Void
    ) throws(GitError) -> BundleHeader {
        var isBegun = false
        var revisions: [UInt8] = []
        for id in Set(header.roots).sorted() { revisions += Array("\(id.hex)\n".utf8) }
        for id in header.prerequisites { revisions += Array("^\(id.hex)\n".utf8) }
        let program = PackProgram(objects: objects, mirror: mirror, limits: limits)
        if usingGit {
            let isWritten = try program.write(revisions, isThin: !header.prerequisites.isEmpty) { bytes in
                if !isBegun { try unsafe sink(header.encoded.span.bytes) }
                isBegun = true
                try sink(bytes)
            }
            if isWritten { return header }
        }
        return try repository.writeBundle(
            of: header.references, head: header.head, excluding: header.prerequisites, to: sink)
    }

    /// Reads a bundle of this source again and looks at each of its objects: what a disk has changed has other bytes than
    /// its name says, and a thin pack is made without a look at them. `read` fills the room from its start and returns
    /// how many bytes it gave, 0 at the end.
    ///
    /// Blocks. On disk, while it lasts: `.<mirror's name>.new-<16 hex digits>/`. Throws `damaged`, `stoppedByCaller` with
    /// what `read` threw.
    package func verify(_ read: (inout MutableRawSpan) throws -> Int) throws(GitError) {
        let place = MirrorDirectory(at: mirror.temporaryPath)
        defer { place.remove() }
        try place.makePassing(files: [
            .init(name: "objects/info/alternates", bytes: PackProgram.line(for: objects))
        ])
        do throws(GitError) {
            try receive(into: Repository(directory: place.path, configuration: nil), read)
        } catch {
            guard error.code == .brokenPack || error.code == .malformedBundle else { throw error }
            throw GitError(.damaged, "objects of the repository are damaged", underlying: error)
        }
        try GitError.onFiles("look at \(place.path)") { () throws(FileError) in
            try Directory(place.path).removeFile("objects/info/alternates")
        }
        for id in try Repository(directory: place.path, configuration: nil).objectNames()
        where try !repository.contains(id) {
            throw GitError(.damaged, "an object of the repository has the bytes of another, \(id)")
        }
    }

    private func receive(
        into place: Repository, _ read: (inout MutableRawSpan) throws -> Int
    ) throws(GitError) {
        var receiver = try BundleReceiver(into: place)
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var span = room.mutableSpan
            var bytes = unsafe span.mutableBytes
            let count: Int
            do { count = try read(&bytes) } catch {
                throw GitError(.stoppedByCaller, "the bundle can't be read", underlying: error)
            }
            guard count > 0 else { break }
            try receiver.append(bytes.bytes.extracting(0..<count))
        }
        _ = try receiver.finish()
    }

    /// Those of `ids` that are commits, or tags of commits, and are reachable from no ref now, as well as those that are
    /// neither, or are not here any more.
    package func unreachable(_ ids: [ObjectID]) throws(GitError) -> Set<ObjectID> {
        let targets = Set(references.entries.map(\.target) + (references.headTarget.map { [$0] } ?? []))
        var lost: Set<ObjectID> = []
        var commits: [ObjectID] = []
        for id in ids where !targets.contains(id) {
            // A tag's object is reachable from a ref alone.
            if try repository.contains(id), try repository.header(of: id).type == .commit {
                commits.append(id)
            } else {
                lost.insert(id)
            }
        }
        guard !commits.isEmpty else { return lost }
        var tips: [ObjectID] = []
        for id in targets {
            do throws(GitError) {
                tips.append(try repository.peel(id))
            } catch {
                guard error.code == .wrongObjectType else { throw error }
            }
        }
        let gone: Set<ObjectID>
        do throws(GitError) {
            gone = Set(try repository.commits(from: commits, excluding: tips))
        } catch {
            // What is broken behind a tip of before is reached by nothing that is sound.
            guard error.code == .objectMissing || error.code == .damaged else { throw error }
            gone = Set(commits)
        }
        return lost.union(commits.filter { gone.contains($0) })
    }
}
