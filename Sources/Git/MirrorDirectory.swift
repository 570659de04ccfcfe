internal import Files
import Glibc

/// The place of a mirror on disk: making, healing and replacing it. Used by one process at a time, under `lock()`.
struct MirrorDirectory {
    /// Where the mirror stands.
    let path: Path

    /// What stands at the path.
    enum State {
        case absent
        case mirror
    }

    private static let mark: Path = "strongroom-mirror"

    /// Our own configuration: Git's needs, and bounds on the memory that packing takes.
    private static let configuration =
        BareDirectory.configuration
        + "[gc]\n\tauto = 0\n[pack]\n\tdeltaCacheSize = 32m\n\twindowMemory = 64m\n"

    init(at path: Path) { self.path = path }

    /// A fresh name beside the mirror.
    var temporaryPath: Path { path.parent.appending(BareDirectory.temporaryName(for: path.name)) }

    /// Opens the mirror.
    func open() throws(GitError) -> Repository {
        try Repository(directory: path, configuration: path.appending("config"))
    }

    /// Keeps other processes from fetching. Throws `locked` where another does so for longer than `wait` seconds, of which a
    /// fifth of a second is always had: a child that this process has just forked shares its descriptors until it
    /// executes, and so a lock that was given back.
    func lock(waitingSeconds wait: Int) throws(GitError) -> FileLock {
        let name = Path([0x2E] + path.name.bytes.prefix(200) + Array(".lock".utf8))
        let tries = max(20, min(wait, 1 << 20) * 100)
        for _ in 0..<tries {
            do throws(FileError) {
                return try FileLock(name, in: Directory(path.parent))
            } catch {
                guard error.code == .locked else { throw GitError.files(error, "lock the mirror \(path)") }
                usleep(10_000)
            }
        }
        throw GitError(.locked, "somebody else fetches into \(path)")
    }

    /// What stands at the path. Throws `repositoryExists` where it is neither a mirror nor nothing.
    func state() throws(GitError) -> State {
        let marked = try GitError.onFiles("look at the mirror \(path)") { () throws(FileError) -> Bool? in
            let parent = try Directory(path.parent)
            guard let found = try parent.metadataIfPresent(of: path.name) else { return nil }
            guard found.kind == .directory else { return false }
            return try parent.metadataIfPresent(of: path.name.appending(MirrorDirectory.mark)) != nil
        }
        guard let marked else { return .absent }
        guard marked else {
            throw GitError(.repositoryExists, "\(path) is there and is no mirror of Strongroom's")
        }
        return .mirror
    }

    /// Makes an empty mirror.
    func make() throws(GitError) {
        let mark = BareDirectory.File(name: MirrorDirectory.mark, bytes: Array("1\n".utf8))
        try BareDirectory.make(
            at: path, files: [BareDirectory.head(nil), mark], config: MirrorDirectory.configuration)
    }

    /// Makes an empty repository that no one looks for again once this process is gone, with our configuration and
    /// `files` besides.
    func makePassing(files: [BareDirectory.File]) throws(GitError) {
        try BareDirectory.makePassing(
            at: path, files: [BareDirectory.head(nil)] + files, config: MirrorDirectory.configuration)
    }

    /// Removes the mirror.
    func remove() {
        if let parent = try? Directory(path.parent) { try? parent.removeTree(path.name) }
    }

    /// Removes what killed fetches made beside the mirror.
    func removeTemporaries() throws(GitError) {
        let prefix = BareDirectory.temporaryPrefix(for: path.name).bytes
        // A mirror that is made anew is fetched into beside itself: those begin with one dot more.
        let nested = [0x2E] + prefix
        try GitError.onFiles("clear the mirror \(path)") { () throws(FileError) in
            let parent = try Directory(path.parent)
            for entry in try parent.entries()
            where entry.name.bytes.starts(with: prefix) || entry.name.bytes.starts(with: nested) {
                try parent.removeTree(entry.name)
            }
        }
    }

    /// Puts `fresh` in this one's place by one rename, and removes the old one.
    func replace(by fresh: MirrorDirectory) throws(GitError) {
        try GitError.onFiles("replace the mirror \(path)") { () throws(FileError) in
            let parent = try Directory(path.parent)
            try parent.rename(fresh.path.name, to: path.name, .exchanging)
            try parent.synchronize()
            try parent.removeTree(fresh.path.name)
        }
    }

    /// The mirror with leftovers of a killed fetch cleared; nil where it is damaged and must be made anew.
    func healed() throws(GitError) -> Repository? {
        do throws(FileError) {
            try clear()
        } catch {
            guard [.notFound, .notDirectory, .isDirectory, .isLink].contains(error.code) else {
                throw GitError.files(error, "clear the mirror \(path)")
            }
            return nil
        }
        do throws(GitError) {
            let repository = try open()
            try probe(repository)
            return repository
        } catch {
            let passing: Set<GitError.Code> = [.ioFailed, .locked, .limitExceeded, .libraryFailed]
            guard !passing.contains(error.code) else { throw error }
            return nil
        }
    }

    /// Reads HEAD, every ref, and the objects that they name: a broken pack or ref file shows here. Rot in the
    /// midst of a pack shows when its object is read.
    private func probe(_ repository: Repository) throws(GitError) {
        let references = try repository.references()
        for (index, entry) in references.entries.enumerated() {
            let header = try repository.header(of: entry.target)
            guard index < 1000, header.type == .commit else { continue }
            _ = try repository.object(entry.target, limit: GitLimits.metadataByteCount)
        }
    }

    /// Removes lock files, half-written packs and refs outside `packed-refs`, and writes our config again where it is
    /// another. Throws `notFound` and the like where the layout is broken.
    private func clear() throws(FileError) {
        let directory = try Directory(path)
        try directory.removeStaleTemporaries()
        for entry in try directory.entries()
        where entry.name.bytes.reversed().starts(with: ".lock".utf8.reversed()) {
            try directory.removeTree(entry.name)
        }
        let config = Array(MirrorDirectory.configuration.utf8)
        let written =
            try directory.metadataIfPresent(of: "config") == nil
            ? [] : directory.read("config", limit: 1 << 20)
        if written != config { try unsafe directory.write(config.span.bytes, to: "config", .anyFile) }
        try BareDirectory.removeFiles(below: directory.openDirectory("refs"))
        let objects = try directory.openDirectory("objects")
        try objects.removeTree("incoming")
        let packs = try objects.openDirectory("pack")
        let names = Set(try packs.entries().map(\.name))
        for name in names {
            let stem = Path(Array(name.bytes.dropLast(4)))
            let isIndexAlone =
                name.bytes.suffix(4).elementsEqual(".idx".utf8)
                && !names.contains(Path(stem.bytes + Array(".pack".utf8)))
            let isTemporary = name.bytes.starts(with: "pack_".utf8) || name.bytes.starts(with: "tmp_".utf8)
            if isIndexAlone || isTemporary { try packs.removeFile(name) }
        }
    }
}
