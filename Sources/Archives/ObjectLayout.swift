import Encodings
import Storage

/// Numbers of the object format (FORMAT.md §1): the 8 bytes that every object of ours begins with.
enum ObjectKind: UInt8, CaseIterable {
    /// A generation of the config.
    case config = 1
    /// Chunks or nodes.
    case pack = 2
    /// Where pieces lie.
    case index = 3
    /// A snapshot.
    case snapshot = 4
    /// What is forgotten or about to be removed.
    case tombstone = 5
    /// Pins, tags, drill results.
    case annotation = 6
    /// A sign of life of a writer.
    case lease = 7

    /// "SROOM", kind, format version, suite.
    var preamble: [UInt8] { ObjectKind.magic + [rawValue, ObjectKind.version, ObjectKind.suite] }

    /// Bytes of the preamble.
    static let preambleByteCount = 8
    private static let magic = Array("SROOM".utf8)
    private static let version: UInt8 = 1
    /// X25519, Ed25519, BLAKE2b, XChaCha20-Poly1305, zstd.
    private static let suite: UInt8 = 1

    /// Throws `damaged` where `bytes` don't begin as an object of this kind, `unsupported` for another version.
    func check(_ bytes: [UInt8], _ name: String) throws(ArchiveError) {
        guard bytes.count >= ObjectKind.preambleByteCount, bytes.starts(with: ObjectKind.magic),
            bytes[5] == rawValue
        else { throw ArchiveError.damaged("\(name): doesn't begin as an object of its kind") }
        guard bytes[6] == ObjectKind.version, bytes[7] == ObjectKind.suite else {
            throw ArchiveError(.unsupported, "\(name): format version \(bytes[6]), suite \(bytes[7])")
        }
    }
}

/// What an authenticated ciphertext or a signature is about (FORMAT.md §2).
enum SealedKind: String {
    /// The header at a pack's end.
    case packHeader = "pack-header"
    /// An index object.
    case index
    /// A snapshot's header.
    case snapshot
    /// A tombstone.
    case tombstone
    /// An annotation.
    case annotation
    /// A lease.
    case lease
    /// A chunk's plaintext.
    case chunk
    /// A node's content.
    case node
    /// The list of a node's children, under `write`.
    case nodeChildren = "node-children"
    /// The part of a snapshot under `read`.
    case snapshotContent = "snapshot-content"
    /// A data key, sealed to `read`.
    case dataKey = "data-key"

    /// LP of the format, the store, this kind and the object's id; then the generation.
    func associatedData(store: StoreID, id: [UInt8], generation: UInt64) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text("strongroom/store/v1")
        writer.lp(store.digest.bytes)
        writer.text(rawValue)
        writer.lp(id)
        writer.uint64(generation)
        return writer.bytes
    }
}

/// Where objects lie (FORMAT.md §3), and the limits of their sizes.
enum ObjectPlace: String, CaseIterable {
    /// Generations of the config.
    case config
    /// Age files of the powers.
    case keys
    /// Packs.
    case packs
    /// An index object.
    case index
    /// A snapshot's header.
    case snapshots
    /// A tombstone.
    case tombstones
    /// An annotation.
    case annotations
    /// A lease.
    case leases

    /// A config generation with its header, signatures and body.
    static let configByteLimit = 4 << 20
    /// An age file of a power.
    static let keyFileByteLimit = 1 << 20
    /// An index object: more than two million rows.
    static let indexByteLimit = 128 << 20
    /// A snapshot with its content.
    static let snapshotByteLimit = 64 << 20
    /// A pack, four times as long as writers make them.
    static let packByteLimit = 64 << 20

    /// A tombstone: 600,000 forgotten snapshots.
    static let tombstoneByteLimit = 64 << 20
    /// An annotation: what withdraws 100,000 others.
    static let annotationByteLimit = 4 << 20

    /// The name of the object `component` of this place.
    func name(_ component: String) throws(ArchiveError) -> ObjectName {
        do throws(StorageError) {
            return try ObjectName("\(rawValue)/\(component)")
        } catch {
            throw ArchiveError(.invalid, "object name", underlying: error)
        }
    }

    /// The name of the object with the identifier `id`.
    func name(_ id: some ObjectIdentifier) throws(ArchiveError) -> ObjectName {
        try name(id.description)
    }

    /// All objects of this place.
    func list(in objects: any ObjectStore) async throws(ArchiveError) -> [ObjectEntry] {
        do throws(StorageError) {
            return try await objects.list(below: try ObjectName(rawValue))
        } catch {
            throw ArchiveError(.storage, "\(rawValue): can't be listed", underlying: error)
        }
    }
}

extension ObjectStore {
    /// A whole object. Throws `absent` where there is none, `damaged` where it is longer than its kind can be.
    func fetch(_ name: ObjectName, limit: Int) async throws(ArchiveError) -> [UInt8] {
        do throws(StorageError) {
            return try await get(name, limit: limit)
        } catch {
            throw ArchiveError(reading: error, name)
        }
    }

    /// The `range` of an object. Throws `absent`, and `damaged` where the object ends before.
    func fetch(_ name: ObjectName, range: Range<Int>) async throws(ArchiveError) -> [UInt8] {
        do throws(StorageError) {
            return try await get(name, range: range)
        } catch {
            throw ArchiveError(reading: error, name)
        }
    }

    /// Stores an object whose name is the hash of `bytes`: whoever stored it before stored the same.
    func store(_ name: ObjectName, _ bytes: [UInt8]) async throws(ArchiveError) {
        do throws(StorageError) {
            try await put(name, bytes, ifAbsent: false)
        } catch {
            throw ArchiveError(.storage, "\(name): can't be stored", underlying: error)
        }
    }
}

extension ArchiveError {
    fileprivate init(reading error: StorageError, _ name: ObjectName) {
        switch error.code {
        case .notFound: self.init(.absent, "\(name): missing", underlying: error)
        case .limit: self.init(.damaged, "\(name): longer than an object of its kind", underlying: error)
        case .truncated: self.init(.damaged, "\(name): too short", underlying: error)
        case .notAnObject: self.init(.damaged, "\(name): not an object", underlying: error)
        default: self.init(.storage, "\(name): can't be read", underlying: error)
        }
    }
}
