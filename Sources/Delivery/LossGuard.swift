internal import Encodings
internal import Files
internal import Git
internal import Sodium

/// Keeps a commit from taking away more than is allowed, or all, until a commit says that this is meant.
///
/// What counts are the files of the delivered directory, or the objects where a program rendered them, by their names. A
/// commit confirms by a line `Strongroom-Confirm-Loss: <16 hexadecimal digits>` in the message of the head, or of a commit
/// between it and the last delivered one; the digits are of exactly the names that vanish.
struct LossGuard {
    /// The share in per cent that may vanish.
    let maximumLoss: Int
    /// The environment.
    let environment: String

    /// Less than this many names may always vanish.
    private static let smallest = 2
    /// The most commits whose messages are read.
    private static let commitLimit = 1_000
    private static let trailer = "Strongroom-Confirm-Loss: "
    private static let label = "strongroom/loss/v1"

    /// Throws `lossRefused`, or `emptyTree` where nothing is left, unless the loss from `known` to `tree` is allowed or
    /// confirmed in `verified`.
    func check(
        _ tree: OpenedTree, after known: Set<Path>, _ verified: VerifiedCommit
    ) throws(DeliveryError) {
        let units = tree.units
        let vanished = known.subtracting(units)
        let isTooMuch =
            vanished.count >= LossGuard.smallest && vanished.count * 100 > maximumLoss * known.count
        guard units.isEmpty || isTooMuch else { return }
        let digits = digits(vanished, tree.source)
        guard try !isConfirmed(digits, verified) else { return }
        let words = "a commit confirms it by the line \(LossGuard.trailer)\(digits)"
        guard !units.isEmpty else {
            throw DeliveryError(
                .emptyTree,
                "commit \(tree.commit): source \(tree.source): nothing \(LossGuard.place(verified)): check the path; where "
                    + "it is meant, \(words)")
        }
        throw DeliveryError(
            .lossRefused,
            "commit \(tree.commit): source \(tree.source): \(vanished.count) of \(known.count) would vanish, more than "
                + "\(maximumLoss) %: \(words)")
    }

    /// Where nothing is.
    private static func place(_ verified: VerifiedCommit) -> String {
        let path = verified.pulled.source.path
        return path.isEmpty ? "to deliver" : "to deliver below \(String(decoding: path, as: UTF8.self))"
    }

    private func digits(_ vanished: Set<Path>, _ source: String) -> String {
        var writer = CanonicalWriter()
        writer.text(LossGuard.label)
        writer.text(environment)
        writer.text(source)
        writer.count(vanished.count)
        for name in vanished.sorted() { writer.lp(name.bytes) }
        return Hex.encode(BLAKE2b.hash(writer.bytes).prefix(8))
    }

    /// Whether the head or a commit since the last delivered one says so.
    private func isConfirmed(
        _ digits: String, _ verified: VerifiedCommit
    ) throws(DeliveryError) -> Bool {
        let wanted = Array((LossGuard.trailer + digits).utf8)
        if LossGuard.has(verified.commit.message, wanted) { return true }
        guard let last = verified.pulled.lastTrusted, last != verified.pulled.id else { return false }
        let repository = verified.pulled.mirror.repository
        do throws(GitError) {
            var seen: Set<ObjectID> = [verified.pulled.id, last]
            var waiting = verified.commit.parents
            while let id = waiting.popLast(), seen.count < LossGuard.commitLimit {
                guard seen.insert(id).inserted, try !repository.isAncestor(id, of: last) else { continue }
                let raw = try repository.object(id, limit: GitLimits.metadataByteCount).bytes
                let commit = try CommitObject(raw: raw)
                if LossGuard.has(commit.message, wanted) { return true }
                waiting += commit.parents
            }
            return false
        } catch {
            throw DeliveryError(git: error, verified.pulled.source)
        }
    }

    private static func has(_ message: [UInt8], _ line: [UInt8]) -> Bool {
        message.split(separator: 0x0A).contains { found in
            var text = found
            while let last = text.last, last == 0x20 || last == 0x0D { text = text.dropLast() }
            return text.elementsEqual(line)
        }
    }
}

extension OpenedTree {
    /// What counts in a loss: objects where there are any, else files.
    var units: Set<Path> { Set(objects.isEmpty ? files.map(\.path) : objects) }
}

// MARK: - On disk

extension SyncState {
    private static let inventoryName: Path = "inventories"
    private static let inventoryLabel = "strongroom/inventory/v1"
    private static let inventoryLimit = 64 << 20

    /// The names that the last delivery of `source` to `environment` had; nil where none is known, or not in this form.
    func inventory(environment: String, source: String) throws(DeliveryError) -> Set<Path>? {
        do throws(FileError) {
            let root = try Directory(directory)
            let name = inventory(environment, source)
            guard try root.metadataIfPresent(of: name) != nil else { return nil }
            return SyncState.names(in: try root.read(name, limit: SyncState.inventoryLimit))
        } catch {
            guard error.code == .notFound || error.code == .notDirectory else {
                throw DeliveryError(.io, "state: \(error.description)", underlying: error)
            }
            return nil
        }
    }

    /// Keeps the names of what was delivered.
    func setInventory(
        _ names: Set<Path>, environment: String, source: String
    ) throws(DeliveryError) {
        var writer = CanonicalWriter()
        writer.text(SyncState.inventoryLabel)
        writer.count(names.count)
        for name in names.sorted() { writer.lp(name.bytes) }
        let bytes = writer.bytes
        do throws(FileError) {
            let path = inventory(environment, source)
            let folder = try Directory(directory).makeDirectories(path.parent)
            _ = try folder.removeStaleTemporaries(of: path.name)
            try bytes.withBytes { (span) throws(FileError) in try folder.write(span, to: path.name) }
        } catch {
            throw DeliveryError(
                error.code == .noSpace ? .noSpace : .io, "state: \(error.description)", underlying: error)
        }
    }

    private func inventory(_ environment: String, _ source: String) -> Path {
        let hash = Hex.encode(BLAKE2b.hash(Array(source.utf8)).prefix(16))
        return SyncState.inventoryName.appending(Path("\(environment)-\(hash)"))
    }

    private static func names(in bytes: [UInt8]) -> Set<Path>? {
        do {
            var reader = CanonicalReader(bytes, "inventory")
            guard try reader.text() == inventoryLabel else { return nil }
            var names: Set<Path> = []
            for _ in 0..<(try reader.count(itemSize: 4)) {
                names.insert(Path(try reader.lp(limit: 1 << 16)))
            }
            try reader.end()
            return names
        } catch {
            return nil
        }
    }
}
