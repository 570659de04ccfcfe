package import Encodings
package import Files
import Sodium
import Trust

// What checks remember on the machine that ran them: which packs of a store were read whole and found sound, and when. It only
// chooses which packs are read next, and tells when others were; that a store is sound is never said on its word.
//
// On disk: one file a store, 0600: hash of the format and the store (32), hash of what follows (32), and sorted by name for each
// pack: name (32), time at which its bytes were last hashed, and that at which its pieces were last opened (i64 each,
// nanoseconds since 1970, little-endian, 0 for never).

/// Where checks remember what they have verified.
package struct CheckMemory: Sendable {
    /// A directory of the caller's own, made where it is missing.
    package let directory: Path

    /// A memory in `directory`.
    package init(directory: Path) { self.directory = directory }

    /// When a pack was last read whole and found sound.
    struct Looks: Equatable, Sendable {
        /// Its bytes have the hash that it is named by.
        var hashed: Timestamp?
        /// Its pieces were opened, and have their ids.
        var opened: Timestamp?
    }

    private static let recordByteCount = 48

    /// What is remembered of the packs of `store`; nothing where the memory is missing or damaged.
    func read(_ store: Store) -> [PackName: Looks] {
        guard let bytes = try? Directory(directory).read(path(store), limit: 1 << 30), bytes.count >= 64
        else {
            return [:]
        }
        var reader = RecordReader(bytes)
        guard reader.digest() == CheckMemory.seed(store), let hash = reader.digest(),
            hash == Digest(hashing: Array(bytes[64...])),
            (bytes.count - 64) % CheckMemory.recordByteCount == 0
        else { return [:] }
        var looks: [PackName: Looks] = [:]
        while let name = reader.digest(), let hashed = reader.number(Int64.self),
            let opened = reader.number(Int64.self)
        {
            looks[PackName(name)] = Looks(hashed: CheckMemory.time(hashed), opened: CheckMemory.time(opened))
        }
        return looks
    }

    /// Remembers `looks` in the place of what was. What fails is left: the next check chooses without it.
    func write(_ looks: [PackName: Looks], _ store: Store) {
        var records: [UInt8] = []
        records.reserveCapacity(looks.count * CheckMemory.recordByteCount)
        for (name, look) in looks.sorted(by: { $0.key < $1.key }) {
            records.append(name.digest)
            records.append(little: look.hashed?.nanoseconds ?? 0)
            records.append(little: look.opened?.nanoseconds ?? 0)
        }
        let bytes = CheckMemory.seed(store).bytes + Digest(hashing: records).bytes + records
        do throws(FileError) {
            let folder = try Directory.makePath(directory)
            _ = try? folder.removeStaleTemporaries()
            try folder.write(bytes, to: path(store))
        } catch {
            return
        }
    }

    private static func time(_ nanoseconds: Int64) -> Timestamp? {
        nanoseconds == 0 ? nil : Timestamp(nanoseconds: nanoseconds)
    }

    private func path(_ store: Store) -> Path {
        Path(String(describing: IndexName(CheckMemory.seed(store))) + ".checks")
    }

    /// H of the form and of the store.
    private static func seed(_ store: Store) -> Digest {
        var writer = CanonicalWriter()
        writer.text("strongroom/check-memory/v1")
        writer.raw(store.id.digest.bytes)
        writer.text(store.fingerprint.description)
        return Digest(hashing: writer.bytes)
    }
}

/// How much of a store's data a check reads.
package struct CheckReading: Sendable {
    /// Of the bytes of all packs, 0 to 1: those packs first that were not verified for the longest time.
    package let share: Double
    /// Where it is remembered what was verified; nil remembers nothing.
    package let memory: CheckMemory?
    /// The time now.
    package let now: Timestamp

    /// Reads `share` (0 to 1) of the data; remembers it in `memory` as of `now`.
    package init(share: Double, memory: CheckMemory? = nil, now: Timestamp = Timestamp(nanoseconds: 0)) {
        self.share = min(1, max(0, share))
        self.memory = memory
        self.now = now
    }

    /// Reads no pack but its header.
    package static let none = CheckReading(share: 0)
    /// Reads everything and remembers nothing.
    package static let all = CheckReading(share: 1)
}
