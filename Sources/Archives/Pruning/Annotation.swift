package import Encodings

/// The name of an annotation: H of all its bytes.
package struct AnnotationName: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// A signed remark beside a snapshot (FORMAT.md §13.2); never part of it.
package struct Annotation: Hashable, Sendable {
    /// What is remarked.
    package enum Remark: Hashable, Sendable {
        /// The snapshot is not to be forgotten; why, for people.
        case pin(reason: String)
        /// A word to find it by.
        case tag(String)
        /// It was restored on trial.
        case drill(passed: Bool, note: String)
        /// These annotations of the same snapshot hold no longer; sorted.
        case withdrawal([AnnotationName])
    }

    /// The snapshot that it is about.
    package let snapshot: SnapshotID
    /// When it was made, by its maker's clock.
    package let time: Timestamp
    /// What is remarked.
    package let remark: Remark

    /// UTF-8 bytes of a tag.
    static let tagByteLimit = 255
    /// UTF-8 bytes of a reason or a note.
    static let noteByteLimit = 1024
    private static let format = "strongroom/annotation/v1"

    /// A remark about `snapshot`. Throws `invalid` for texts that are too long, and a withdrawal of nothing.
    package init(_ remark: Remark, of snapshot: SnapshotID, time: Timestamp) throws(ArchiveError) {
        self.snapshot = snapshot
        self.time = time
        self.remark = if case .withdrawal(let names) = remark { .withdrawal(names.sorted()) } else { remark }
        guard isValid else { throw ArchiveError(.invalid, "annotation: values that none can have") }
    }

    private var isValid: Bool {
        switch remark {
        case .pin(let reason): reason.utf8.count <= Annotation.noteByteLimit
        case .tag(let tag): (1...Annotation.tagByteLimit).contains(tag.utf8.count)
        case .drill(_, let note): note.utf8.count <= Annotation.noteByteLimit
        case .withdrawal(let names):
            !names.isEmpty && zip(names, names.dropFirst()).allSatisfy { $0 < $1 }
        }
    }

    /// The canonical bytes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(Annotation.format)
        writer.uint64(UInt64(bitPattern: time.nanoseconds))
        writer.raw(snapshot.digest.bytes)
        switch remark {
        case .pin(let reason):
            writer.uint8(1)
            writer.text(reason)
        case .tag(let tag):
            writer.uint8(2)
            writer.text(tag)
        case .drill(let passed, let note):
            writer.uint8(3)
            writer.uint8(passed ? 1 : 2)
            writer.text(note)
        case .withdrawal(let names):
            writer.uint8(4)
            writer.count(names.count)
            for name in names { writer.raw(name.digest.bytes) }
        }
        return writer.bytes
    }

    /// The annotation in `bytes`. Throws `damaged` for anything but the one encoding of one.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == Annotation.format else {
                throw ArchiveError(.unsupported, "\(name): annotation of another version")
            }
            let annotation = try Annotation(from: &reader, name)
            try reader.end()
            guard annotation.isValid else { throw ArchiveError.damaged("\(name): contradicts itself") }
            return annotation
        }
    }

    private init(from reader: inout CanonicalReader, _ name: String) throws {
        time = Timestamp(nanoseconds: Int64(bitPattern: try reader.uint64()))
        snapshot = SnapshotID(Digest(try reader.raw(32)))
        switch try reader.uint8() {
        case 1: remark = .pin(reason: try reader.text(limit: Annotation.noteByteLimit))
        case 2: remark = .tag(try reader.text(limit: Annotation.tagByteLimit))
        case 3:
            let outcome = try reader.uint8()
            guard outcome == 1 || outcome == 2 else { throw ArchiveError.damaged("\(name): outcome") }
            remark = .drill(passed: outcome == 1, note: try reader.text(limit: Annotation.noteByteLimit))
        case 4:
            var names: [AnnotationName] = []
            for _ in 0..<(try reader.count(itemSize: 32)) {
                names.append(AnnotationName(Digest(try reader.raw(32))))
            }
            remark = .withdrawal(names)
        default: throw ArchiveError(.unsupported, "\(name): a remark of another version")
        }
    }

    // MARK: the object

    /// The object: preamble and envelope, signed by `session`'s agent.
    func object(in session: SigningContext) -> [UInt8] {
        ObjectKind.annotation.preamble + SignedObject.seal(encoded, .annotation, in: session)
    }

    /// Opens the object `bytes` of the name `id`. Throws `damaged`, `forged`, `unsupported`.
    static func open(
        _ bytes: [UInt8], _ id: AnnotationName, with keys: OpenedWrite
    ) throws(ArchiveError) -> (annotation: Annotation, maker: AgentRecord) {
        let name = "annotations/\(id)"
        let signed = try SignedObject(
            opening: bytes, id.digest, .annotation, .annotation, name, with: keys, power: .add)
        return (try Annotation(decoding: signed.body, name), signed.agent)
    }
}
