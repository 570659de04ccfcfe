import Encodings
import Storage

/// Which process holds a lease: enough for another process of the same machine to know that it is gone.
package struct LeaseHolder: Hashable, Sendable {
    /// The name of the machine, for people.
    package let host: String
    /// Random, new at each start of the machine (`/proc/sys/kernel/random/boot_id`).
    package let boot: String
    /// The namespace of process numbers (`/proc/self/ns/pid`): containers of one machine each have their own.
    package let processNamespace: UInt64
    /// The process's number.
    package let process: UInt64
    /// When it was started, in the kernel's ticks since boot: a number that is used again has another start.
    package let processStart: UInt64

    /// The holder with these marks.
    package init(
        host: String, boot: String, processNamespace: UInt64, process: UInt64, processStart: UInt64
    ) {
        self.host = host
        self.boot = boot
        self.processNamespace = processNamespace
        self.process = process
        self.processStart = processStart
    }
}

/// The random id of a session: of one writer or pruner from its start to its end.
struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 16 bytes.
    let bytes: [UInt8]

    /// The session of these bytes. Traps on another count than 16.
    init(_ bytes: [UInt8]) {
        precondition(bytes.count == 16)
        self.bytes = bytes
    }

    /// The session in exactly 32 hexadecimal digits; nil for any other text.
    init?(_ text: String) {
        guard let bytes = try? Hex.decode(text), bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// 32 lower-case hexadecimal digits.
    var description: String { Hex.encode(bytes) }

    /// The order of the bytes.
    static func < (left: SessionID, right: SessionID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// A sign of life (FORMAT.md §13.3): one object a beat, `leases/<session>/<n>`.
struct Lease: Hashable, Sendable {
    /// What the session does.
    enum Work: UInt8, Sendable {
        /// Adds a snapshot, or index objects.
        case write = 1
        /// Removes what isn't needed.
        case prune = 2
    }

    /// What the session does.
    let work: Work
    /// Whose it is.
    let session: SessionID
    /// Counts the session's beats, from 1.
    let beat: UInt64
    /// When it was made, by its maker's clock.
    let time: Timestamp
    /// Seconds of silence after which the session counts as over: it does nothing more once half of them have gone by
    /// since its last beat.
    let promise: UInt64
    /// Who holds it.
    let holder: LeaseHolder

    /// The longest promise: 31 days.
    static let promiseLimit: UInt64 = 31 * 86_400
    /// Beats end here; at one a second that is three years.
    static let beatLimit: UInt64 = 99_999_999
    /// The length of an object, far above what one has.
    static let byteLimit = 64 << 10
    private static let format = "strongroom/lease/v1"

    /// The canonical bytes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(Lease.format)
        writer.uint8(work.rawValue)
        writer.raw(session.bytes)
        writer.uint64(beat)
        writer.uint64(UInt64(bitPattern: time.nanoseconds))
        writer.uint64(promise)
        writer.text(holder.host)
        writer.text(holder.boot)
        writer.uint64(holder.processNamespace)
        writer.uint64(holder.process)
        writer.uint64(holder.processStart)
        return writer.bytes
    }

    /// A lease of these parts.
    init(
        work: Work, session: SessionID, beat: UInt64, time: Timestamp, promise: UInt64, holder: LeaseHolder
    ) {
        self.work = work
        self.session = session
        self.beat = beat
        self.time = time
        self.promise = promise
        self.holder = holder
    }

    /// The lease in `bytes`. Throws `damaged` for anything but the one encoding of one.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == Lease.format else {
                throw ArchiveError(.unsupported, "\(name): lease of another version")
            }
            guard let work = Work(rawValue: try reader.uint8()) else {
                throw ArchiveError(.unsupported, "\(name): work of another version")
            }
            let session = SessionID(try reader.raw(16))
            let beat = try reader.uint64()
            let time = Timestamp(nanoseconds: Int64(bitPattern: try reader.uint64()))
            let promise = try reader.uint64()
            let holder = LeaseHolder(
                host: try reader.text(limit: 255), boot: try reader.text(limit: 64),
                processNamespace: try reader.uint64(), process: try reader.uint64(),
                processStart: try reader.uint64())
            try reader.end()
            guard (1...Lease.beatLimit).contains(beat), (1...Lease.promiseLimit).contains(promise) else {
                throw ArchiveError.damaged("\(name): out of bounds")
            }
            return Lease(
                work: work, session: session, beat: beat, time: time, promise: promise, holder: holder)
        }
    }

    // MARK: the object

    /// The name of a beat's object.
    static func name(_ session: SessionID, _ beat: UInt64) throws(ArchiveError) -> ObjectName {
        let digits = String(beat)
        let padding = String(repeating: "0", count: max(0, 8 - digits.utf8.count))
        return try ObjectPlace.leases.name("\(session)/\(padding)\(digits)")
    }

    /// Session and beat of an object's name; nil for any other name.
    static func parts(of name: ObjectName) -> (session: SessionID, beat: UInt64)? {
        let components = name.components
        guard components.count == 3, let session = SessionID(components[1]), components[2].utf8.count == 8,
            let beat = UInt64(components[2]), beat > 0
        else { return nil }
        return (session, beat)
    }

    /// The object: preamble and envelope, signed by `signing`'s agent.
    func object(in signing: SigningContext) -> [UInt8] {
        ObjectKind.lease.preamble + SignedObject.seal(encoded, .lease, in: signing)
    }

    /// Opens the object `bytes` that stands under `name`. Throws `damaged`, `forged`, `unsupported`.
    static func open(_ bytes: [UInt8], _ name: ObjectName, with keys: OpenedWrite) throws(ArchiveError)
        -> Lease
    {
        try ObjectKind.lease.check(bytes, name.text)
        let signed = try SignedObject(
            opening: Array(bytes.dropFirst(ObjectKind.preambleByteCount)), .lease, name.text, with: keys)
        let lease = try Lease(decoding: signed.body, name.text)
        guard try Lease.name(lease.session, lease.beat) == name else {
            throw ArchiveError.damaged("\(name): stands in another's place")
        }
        return lease
    }
}
