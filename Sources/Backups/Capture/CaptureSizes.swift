internal import Archives
internal import Files
internal import Sodium

/// What each source held when it was captured well the last time, so that one that lost nearly everything is not taken for
/// healthy: an unmounted disk, a dump of an empty database.
///
/// On disk: in the directory of the capture memory a file a source, 0600: entries and bytes (u64, little-endian). Lost, the
/// next capture counts as the first.
struct CaptureSizes {
    /// The extent of a source.
    struct Extent: Equatable {
        /// Entries beneath the root.
        let entryCount: UInt64
        /// The logical length of all contents.
        let byteCount: UInt64

        init(_ source: SnapshotSource) {
            entryCount = source.kind == .directory ? source.entryCount - min(1, source.entryCount) : 0
            byteCount = source.byteCount
        }

        init(entryCount: UInt64, byteCount: UInt64) {
            self.entryCount = entryCount
            self.byteCount = byteCount
        }
    }

    private let directory: Path
    private let prefix: [UInt8]

    /// What of a directory may go without being looked at: entries, and bytes of content.
    private static let trifle = Extent(entryCount: 10, byteCount: 1 << 20)
    /// What of a command's output may go likewise.
    private static let outputTrifle: UInt64 = 4_096

    /// The sizes of the sources of `environment` in the store of `writer`, in `memory`.
    init(_ memory: CaptureMemory, _ environment: String, _ writer: StoreWriter) {
        directory = memory.directory
        var prefix = Array("strongroom/capture-sizes/v1\n".utf8)
        for part in [writer.memoryKey, Array(environment.utf8)] {
            prefix.append(little: UInt32(part.count))
            prefix += part
        }
        self.prefix = prefix
    }

    private func name(_ source: SnapshotSource) -> Path {
        let place = source.facts.first { $0.name == "path" }?.value ?? []
        let key = prefix + [source.kind.rawValue] + Array(source.name.utf8) + [0] + place
        return Path(String(describing: SnapshotID(Digest(hashing: key))) + ".extent")
    }

    /// What the source held; nil where nothing is known.
    func last(_ source: SnapshotSource) -> Extent? {
        guard let bytes = try? Directory(directory).read(name(source), limit: 16) else { return nil }
        var reader = RecordReader(bytes)
        guard let entryCount = reader.number(UInt64.self), let byteCount = reader.number(UInt64.self),
            reader.isAtEnd
        else { return nil }
        return Extent(entryCount: entryCount, byteCount: byteCount)
    }

    /// Keeps what the source holds now. A failure to do so costs the next look, nothing else.
    func record(_ source: SnapshotSource) {
        var bytes: [UInt8] = []
        let extent = Extent(source)
        bytes.append(little: extent.entryCount)
        bytes.append(little: extent.byteCount)
        guard let folder = try? Directory.makePath(directory) else { return }
        try? unsafe folder.write(bytes.span.bytes, to: name(source))
    }

    /// The source as it counts: one that lost more than `limit` per cent is no complete one, and a command's output is then
    /// left out. The bytes and entries of a directory count each by itself, but for trifles.
    func judge(_ source: SnapshotSource, limit: Int) -> SnapshotSource {
        guard source.status == .complete, source.kind == .directory || source.kind == .command,
            let last = last(source)
        else { return source }
        let now = Extent(source)
        func isLost(_ old: UInt64, _ new: UInt64, trifle: UInt64) -> Bool {
            guard new < old else { return false }
            let lost = old - new
            // Everything lost is no trifle.
            guard lost >= trifle || new == 0 else { return false }
            return Double(lost) / Double(old) * 100 > Double(limit)
        }
        if source.kind == .command {
            guard isLost(last.byteCount, now.byteCount, trifle: CaptureSizes.outputTrifle) else {
                return source
            }
            let failure = CommandRun.Failure(.shrunken(from: last.byteCount, to: now.byteCount))
            return SnapshotSource(
                name: source.name, kind: source.kind, status: .failed, notes: [failure.words], root: nil,
                facts: source.facts)
        }
        var guarded = source
        if isLost(last.entryCount, now.entryCount, trifle: CaptureSizes.trifle.entryCount) {
            guarded.notes.append(
                "shrunken: \(now.entryCount) entries where there were \(last.entryCount); accept it, if it is right"
            )
        }
        if isLost(last.byteCount, now.byteCount, trifle: CaptureSizes.trifle.byteCount) {
            guarded.notes.append(
                "shrunken: \(now.byteCount) bytes where there were \(last.byteCount); accept it, if it is right"
            )
        }
        if guarded.notes != source.notes { guarded.status = .partial }
        return guarded
    }
}
