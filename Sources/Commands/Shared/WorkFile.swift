internal import Files
internal import Sodium
internal import Synchronization

/// A file of the work tree that is read, and replaced as a whole.
struct WorkFile: ~Copyable {
    /// The path as the user named it.
    let name: String
    private let directory: Directory
    private let leaf: Path
    /// The facts at the time of opening.
    let metadata: FileMetadata
    /// The file, open for reading.
    let content: Descriptor

    /// Opens the file `name`. Throws `usage` where it isn't there, `deliveryFailed` for links and what is no file.
    init(_ name: String) throws(FileError) { try self.init(Path(name)) }

    /// As `init(_: String)`; the name may be any bytes.
    init(_ path: Path) throws(FileError) {
        let directory = try Directory(path.parent)
        let content = try directory.openFile(path.name)
        let metadata = try content.metadata()
        try WorkFile.removeLeftovers(of: path, in: directory)
        self.metadata = metadata
        self.directory = directory
        self.content = content
        leaf = path.name
        name = path.description
    }

    /// Directories in which no killed run left anything, as this run has seen: looking at each of their files would read
    /// them as often as they have files.
    private static let clean = Mutex<Set<[UInt8]>>([])

    /// Removes what killed runs left of the file `path`.
    private static func removeLeftovers(
        of path: Path, in directory: borrowing Directory
    ) throws(FileError) {
        let place = path.parent.bytes
        guard !clean.withLock({ $0.contains(place) }) else { return }
        if try !directory.holdsTemporaries() {
            clean.withLock { _ = $0.insert(place) }
        } else {
            try directory.removeStaleTemporaries(of: path.name)
        }
    }

    /// All bytes. Throws `limitExceeded` above `limit`.
    func read(limit: Int) throws -> [UInt8] { try content.readAll(limit: limit) }

    /// Replaces the content as a whole, with the mode it has or `mode`.
    func replace(with bytes: RawSpan, mode: UInt16? = nil) throws(FileError) {
        try directory.write(bytes, to: leaf, mode: mode ?? metadata.mode)
    }

    /// Begins a replacement that is written in pieces.
    func replacement(mode: UInt16? = nil) throws(FileError) -> AtomicFile {
        try AtomicFile(leaf, in: directory, mode: mode ?? metadata.mode)
    }

    /// Reads the file from its start in pieces of at most a MiB.
    func forEachPiece(_ body: (RawSpan) throws -> Void) throws {
        try content.seek(to: 0)
        var buffer = WipedBuffer(byteCount: 1 << 20)
        while true {
            let count = try buffer.withMutableBytes(first: 1 << 20) { span in try content.read(into: &span) }
            guard count > 0 else { return }
            try buffer.withBytes(first: count) { try body($0) }
        }
    }

    /// The first bytes of the file, at most `count`.
    func head(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var output = unsafe span.mutableBytes
        let read = try content.read(into: &output, at: 0)
        return Array(bytes.prefix(read))
    }
}
