internal import Encodings
internal import Files
package import Git
internal import Sodium

/// What stands at an environment's targets since the last delivery, file by file and without any content: by it a
/// target is looked at, and a commit known to be in place, without opening anything.
///
/// On disk, in `expected/<environment>` of the state directory (0600), canonical (FORMAT.md §3).
package struct Expectation: Sendable {
    /// The files of one target that is a directory.
    struct Place: Sendable, Hashable {
        let target: FilesTarget
        let files: [ExpectedFile]
    }

    /// What one command target was handed, by digests that it can make, too.
    struct Handed: Sendable, Hashable {
        let name: String
        let files: [CommandExchange.Expected]
    }

    /// The source's name.
    let source: String
    /// The commit that was delivered.
    package let commit: ObjectID
    /// The directory of the repository that was delivered.
    let path: [UInt8]
    /// The closed epochs that were refused when it was opened, ascending.
    let refusedEpochs: [UInt64]
    /// What is said of each target, in their order (`Target.configuration`), and of the rendering.
    let configurations: [[UInt8]]
    /// The targets that are directories, in their order.
    let places: [Place]
    /// The targets that are commands, in their order.
    let handed: [Handed]
    /// With what the files' digests were made.
    let digest: ContentDigest

    private static let label = "strongroom/expected/v2"
    static let byteLimit = 256 << 20

    /// What is expected once `plans`, one for each target, are carried out; `tree` is what they were made of.
    init(
        _ tree: OpenedTree, path: [UInt8], refusedEpochs: Set<UInt64>, plans: [DeliveryPlan],
        rendering: Rendering?
    ) throws(DeliveryError) {
        source = tree.source
        commit = tree.commit
        self.path = path
        self.refusedEpochs = refusedEpochs.sorted()
        configurations = plans.map(\.target.configuration) + [Expectation.configuration(rendering)]
        digest = tree.digest
        var places: [Place] = []
        var handed: [Handed] = []
        for plan in plans {
            switch plan.target {
            case .files(let target):
                places.append(Place(target: target.place, files: plan.tree.files.map(\.expected)))
            case .command(let target):
                let files = try CommandExchange.expected(plan.tree, under: tree.digest)
                handed.append(Handed(name: target.name, files: files))
            case .credentials: continue
            }
        }
        self.places = places
        self.handed = handed
    }

    /// Whether delivering `commit` of `source` to `targets` would bring about just this.
    func covers(
        _ commit: ObjectID, of source: Source, refusedEpochs: Set<UInt64>, targets: [Target],
        rendering: Rendering?
    ) -> Bool {
        commit == self.commit && source.name == self.source && source.path == path
            && refusedEpochs.sorted() == self.refusedEpochs
            && configurations == targets.map(\.configuration) + [Expectation.configuration(rendering)]
            && targets.allSatisfy(\.isStanding)
    }

    /// A digest of what is said of the rendering.
    private static func configuration(_ rendering: Rendering?) -> [UInt8] {
        BLAKE2b.hash(Array(rendering.map { "\($0)" }?.utf8 ?? "".utf8))
    }

    // MARK: - Bytes

    /// The canonical bytes.
    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(Expectation.label)
        writer.text(source)
        writer.text(commit.hex)
        writer.lp(path)
        writer.count(refusedEpochs.count)
        for epoch in refusedEpochs { writer.uint64(epoch) }
        writer.raw(digest.withKey { $0.array })
        writer.count(configurations.count)
        for configuration in configurations { writer.raw(configuration) }
        writer.count(places.count)
        for place in places {
            writer.lp(place.target.directory.bytes)
            writer.text(place.target.layout.rawValue)
            writer.uint16(place.target.mode)
            writer.uint8(place.target.owner == nil ? 0 : 1)
            writer.uint32(place.target.owner?.user ?? 0)
            writer.uint32(place.target.owner?.group ?? 0)
            writer.count(place.files.count)
            for file in place.files {
                writer.lp(file.path.bytes)
                writer.uint8(file.isExecutable ? 1 : 0)
                writer.uint64(UInt64(bitPattern: file.fingerprint.byteCount))
                writer.raw(file.fingerprint.digest)
            }
        }
        writer.count(handed.count)
        for command in handed {
            writer.text(command.name)
            writer.count(command.files.count)
            for file in command.files {
                writer.lp(file.path.bytes)
                writer.raw(file.digest)
            }
        }
        return writer.bytes
    }

    /// Reads the canonical bytes; nil for any other.
    init?(_ bytes: [UInt8]) {
        do {
            var reader = CanonicalReader(bytes, "expected files")
            guard try reader.text() == Expectation.label else { return nil }
            source = try reader.text()
            commit = try ObjectID(hex: try reader.text())
            path = try reader.lp()
            var epochs: [UInt64] = []
            for _ in 0..<(try reader.count(itemSize: 8)) { epochs.append(try reader.uint64()) }
            refusedEpochs = epochs
            digest = ContentDigest(
                key: try reader.raw(ContentDigest.keyByteCount).withBytes { SecretBytes(copying: $0) })
            var configurations: [[UInt8]] = []
            for _ in 0..<(try reader.count(itemSize: 32)) { configurations.append(try reader.raw(32)) }
            self.configurations = configurations
            var places: [Place] = []
            for _ in 0..<(try reader.count(itemSize: 20)) { places.append(try Expectation.place(&reader)) }
            self.places = places
            var handed: [Handed] = []
            for _ in 0..<(try reader.count(itemSize: 8)) {
                let name = try reader.text()
                var files: [CommandExchange.Expected] = []
                for _ in 0..<(try reader.count(itemSize: 36)) {
                    files.append(
                        CommandExchange.Expected(
                            path: Path(try reader.lp(limit: 1 << 16)), digest: try reader.raw(32)))
                }
                handed.append(Handed(name: name, files: files))
            }
            self.handed = handed
            try reader.end()
        } catch {
            return nil
        }
    }

    private static func place(_ reader: inout CanonicalReader) throws -> Place {
        let directory = Path(try reader.lp(limit: 1 << 16))
        guard let layout = FilesTarget.Layout(rawValue: try reader.text()) else {
            throw EncodingError(.nonCanonical, "expected files: another layout")
        }
        let mode = try reader.uint16()
        let hasOwner = try reader.uint8() == 1
        let owner = FileOwner(user: try reader.uint32(), group: try reader.uint32())
        let target = try FilesTarget(
            directory: directory, layout: layout, mode: mode, owner: hasOwner ? owner : nil)
        var files: [ExpectedFile] = []
        for _ in 0..<(try reader.count(itemSize: 45)) {
            let path = Path(try reader.lp(limit: 1 << 16))
            let isExecutable = try reader.uint8() == 1
            let count = Int64(bitPattern: try reader.uint64())
            files.append(
                ExpectedFile(
                    path: path, isExecutable: isExecutable,
                    fingerprint: .init(byteCount: count, digest: try reader.raw(32))))
        }
        return Place(target: target, files: files)
    }
}

extension FilesTarget {
    /// Where and how the files stand, and nothing more.
    fileprivate var place: FilesTarget {
        var place = self
        place.contents = TargetContents()
        place.completion = nil
        place.memory = .any
        place.makesParent = false
        return place
    }
}

// MARK: - On disk

extension SyncState {
    private static let expectedName: Path = "expected"

    /// What is expected at the targets of `environment`; nil where nothing is known, or not in this form.
    package func expectation(environment: String) throws(DeliveryError) -> Expectation? {
        do throws(FileError) {
            let root = try Directory(directory)
            let name = SyncState.expectedName.appending(Path(environment))
            guard try root.metadataIfPresent(of: name) != nil else { return nil }
            return Expectation(try root.read(name, limit: Expectation.byteLimit))
        } catch {
            guard error.code == .notFound || error.code == .notDirectory else {
                throw DeliveryError(.io, "state: \(error.description)", underlying: error)
            }
            return nil
        }
    }

    /// Keeps what is expected at the targets of `environment`; with nil, that nothing is: before a target changes.
    func setExpectation(_ expectation: Expectation?, environment: String) throws(DeliveryError) {
        do throws(FileError) {
            let folder = try Directory(directory).makeDirectories(SyncState.expectedName)
            let name = Path(environment)
            guard let expectation else {
                guard try folder.metadataIfPresent(of: name) != nil else { return }
                return try folder.removeFile(name)
            }
            _ = try folder.removeStaleTemporaries(of: name)
            let bytes = expectation.bytes
            try bytes.withBytes { (span) throws(FileError) in try folder.write(span, to: name) }
        } catch {
            throw DeliveryError(
                error.code == .noSpace ? .noSpace : .io, "state: \(error.description)", underlying: error)
        }
    }
}
