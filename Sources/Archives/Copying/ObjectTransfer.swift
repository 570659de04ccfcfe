import Encodings
import Sodium
import Storage
import Trust

/// Takes one object from one place to another, as it is, once it is what its name says.
struct ObjectTransfer: Sendable {
    /// What became of an object.
    enum Outcome: Sendable {
        /// It is in the target.
        case put
        /// It is no longer in the source.
        case vanished
        /// It was left out.
        case damaged(ArchiveError)
    }

    let source: Store
    let target: any ObjectStore
    let place: ObjectPlace

    /// Reads, compares, puts. Fails with `storage` where either place fails, and `cancelled`.
    func copy(_ entry: ObjectEntry) async -> Result<Outcome, ArchiveError> {
        guard !Task.isCancelled else { return .failure(ArchiveError(.cancelled, "copy")) }
        let bytes: [UInt8]
        switch await read(entry) {
        case .success(let found?): bytes = found
        case .success(nil): return .success(.vanished)
        case .failure(let error) where error.code == .damaged: return .success(.damaged(error))
        case .failure(let error): return .failure(error)
        }
        do throws(StorageError) {
            try await target.put(entry.name, bytes, ifAbsent: place == .config)
            return .success(.put)
        } catch {
            return .failure(
                ArchiveError(.storage, "target: \(entry.name): can't be stored", underlying: error))
        }
    }

    /// Whether the object in the target is what its name says. Fails with `storage`.
    func isWhole(_ entry: ObjectEntry) async -> Result<Bool, ArchiveError> {
        switch await read(entry, from: target) {
        case .success(let bytes): .success(bytes != nil)
        case .failure(let error): error.code == .damaged ? .success(false) : .failure(error)
        }
    }

    /// The number of a snapshot in its agent's chain; nil for what is none, or can't be opened with `keys`.
    func generation(_ entry: ObjectEntry, _ keys: OpenedWrite) async -> Result<UInt64?, ArchiveError> {
        switch await read(entry) {
        case .success(let bytes?):
            guard let id = SnapshotID(entry.name.lastComponent) else { return .success(nil) }
            return .success(try? SnapshotObject.open(bytes, id, with: keys).header.generation)
        case .success(nil): return .success(nil)
        case .failure(let error) where error.code == .damaged: return .success(nil)
        case .failure(let error): return .failure(error)
        }
    }

    /// The object, which is what its name says; nil where it is gone. Fails with `damaged` and `storage`.
    private func read(
        _ entry: ObjectEntry, from place: (any ObjectStore)? = nil
    ) async -> Result<[UInt8]?, ArchiveError> {
        let bytes: [UInt8]
        do throws(StorageError) {
            bytes = try await (place ?? source.objects).get(entry.name, limit: self.place.byteLimit)
        } catch {
            // A file that its disk does not give back is damaged, and no reason to leave out the others.
            let isBadFile = error.code == .io && error.underlying != nil
            switch error.code {
            case .notFound: return .success(nil)
            case .limit, .truncated, .notAnObject: break
            default:
                guard isBadFile else {
                    return .failure(ArchiveError(.storage, "\(entry.name): can't be read", underlying: error))
                }
            }
            return .failure(ArchiveError(.damaged, "\(entry.name): \(error)", underlying: error))
        }
        do throws(ArchiveError) {
            try verify(bytes, entry.name)
            return .success(bytes)
        } catch {
            return .failure(
                error.code == .damaged ? error : ArchiveError(.damaged, error.context, underlying: error))
        }
    }

    /// Throws `damaged` where `bytes` are not what `name` says; of what no name tells, where they don't begin as an
    /// object of this version.
    private func verify(_ bytes: [UInt8], _ name: ObjectName) throws(ArchiveError) {
        let isOwn: Bool
        switch place {
        case .config:
            let header = try ConfigObject(decoding: bytes, name.text).generation.header
            let wanted = try ConfigObject.name(header.generation)
            isOwn = name == wanted && source.chain.generations.contains { $0.header == header }
        case .keys:
            // `read-1-<16 digits of the hash>.a.age`
            let words = name.lastComponent.split(separator: ".")
            let hash = Hex.encode(Digest(hashing: bytes).bytes.prefix(8))
            isOwn = words.first?.split(separator: "-").last.map(String.init) == hash
        case .packs: isOwn = name == (try place.name(PackName(hashing: bytes)))
        case .index, .snapshots: isOwn = name == (try place.name(SnapshotID(Digest(hashing: bytes))))
        case .tombstones, .annotations, .leases:
            if let kind = place.kind { try kind.check(bytes, name.text) }
            let last = name.lastComponent
            isOwn = last.utf8.count != 64 || last == Hex.encode(Digest(hashing: bytes).bytes)
        }
        guard isOwn else {
            throw ArchiveError.damaged("\(name): its bytes don't have the hash that it is named by")
        }
    }
}

extension ObjectPlace {
    /// The most bytes of an object of this place (FORMAT.md §16).
    var byteLimit: Int {
        switch self {
        case .config: ObjectPlace.configByteLimit
        case .keys: ObjectPlace.keyFileByteLimit
        case .packs: ObjectPlace.packByteLimit
        case .index: ObjectPlace.indexByteLimit
        case .snapshots, .tombstones, .annotations, .leases: ObjectPlace.snapshotByteLimit
        }
    }

    /// What objects of this place begin as; nil for age files.
    var kind: ObjectKind? {
        switch self {
        case .config: .config
        case .keys: nil
        case .packs: .pack
        case .index: .index
        case .snapshots: .snapshot
        case .tombstones: .tombstone
        case .annotations: .annotation
        case .leases: .lease
        }
    }
}
