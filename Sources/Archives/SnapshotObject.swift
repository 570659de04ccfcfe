import Encodings
import Sodium

/// A snapshot's object (FORMAT.md §12): a header under `write`, signed, and a content under `read`.
enum SnapshotObject {
    private static let headerFormat = "strongroom/snapshot-header/v1"
    private static let contentFormat = "strongroom/snapshot-content/v1"
    /// The longest plaintext of a content.
    static let contentByteLimit = 32 << 20

    /// A header with what opening the content takes.
    struct Opened {
        let header: SnapshotHeader
        /// The public key of the agent who signed it.
        let agentKey: [UInt8]
        /// The number of the `write` key in the content's associated data.
        let keyNumber: UInt32
        let contentID: Digest
        let dataKey: SealedDataKey
        /// Where the content begins.
        let contentOffset: Int
    }

    /// The object of `header` and the encoded content.
    static func seal(
        _ header: SnapshotHeader, content: [UInt8], dataKey: DataKey, codec: ChunkCodec,
        in session: SigningContext
    ) throws(ArchiveError) -> [UInt8] {
        let contentID = Digest(RandomBytes.make(32))
        let sealed = try content.withBytes { (plaintext) throws(ArchiveError) in
            try codec.seal(
                plaintext, .snapshotContent, id: NodeID(keyNumber: session.write.number, hash: contentID),
                key: dataKey, store: session.store)
        }
        var body = CanonicalWriter()
        body.text(headerFormat)
        write(header, to: &body)
        body.raw(contentID.bytes)
        dataKey.sealed.write(to: &body)
        body.raw(BLAKE2b.hash(sealed))
        let envelope = SignedObject.seal(body.bytes, .snapshot, in: session)
        var writer = CanonicalWriter()
        writer.raw(ObjectKind.snapshot.preamble)
        writer.lp(envelope)
        writer.raw(sealed)
        return writer.bytes
    }

    /// Opens the header of an object whose name is verified here too. Throws `damaged`, `forged`.
    static func open(
        _ bytes: [UInt8], _ id: SnapshotID, with keys: OpenedWrite
    ) throws(ArchiveError) -> Opened {
        let name = "snapshots/\(id)"
        guard Digest(hashing: bytes) == id.digest else {
            throw ArchiveError.damaged("\(name): its bytes don't have the hash that it is named by")
        }
        try ObjectKind.snapshot.check(bytes, name)
        let envelope = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            _ = try reader.raw(ObjectKind.preambleByteCount)
            return try reader.lp()
        }
        let signed = try SignedObject(opening: envelope, .snapshot, name, with: keys)
        let offset = ObjectKind.preambleByteCount + 4 + envelope.count
        return try decoding(name) {
            var reader = CanonicalReader(signed.body, name)
            guard try reader.text(limit: 64) == headerFormat else {
                throw ArchiveError(.unsupported, "\(name): header of another version")
            }
            let header = try header(from: &reader, name)
            let contentID = Digest(try reader.raw(32))
            let dataKey = try SealedDataKey(from: &reader)
            let hash = try reader.raw(32)
            try reader.end()
            var again = CanonicalWriter()
            again.text(headerFormat)
            write(header, to: &again)
            guard signed.body.starts(with: again.bytes) else {
                throw ArchiveError.damaged("\(name): not the one encoding of a header")
            }
            guard hash == bytes.withBytes({ BLAKE2b.hash($0.extracting(offset..<bytes.count)) }) else {
                throw ArchiveError(.forged, "\(name): its header was made for another content")
            }
            guard header.agent.utf8.elementsEqual(signed.agent.name.utf8) else {
                throw ArchiveError(.forged, "\(name): signed by another agent than it names")
            }
            guard keys.store.config.accepts(id.digest, by: signed.agent.publicKey) else {
                throw ArchiveError(
                    .forged, "\(name): by an agent that was revoked, who hadn't added it by then")
            }
            return Opened(
                header: header, agentKey: signed.agent.publicKey, keyNumber: signed.keyNumber,
                contentID: contentID, dataKey: dataKey,
                contentOffset: offset)
        }
    }

    // MARK: header

    private static func write(_ header: SnapshotHeader, to writer: inout CanonicalWriter) {
        writer.text(header.environment)
        writer.text(header.agent)
        writer.uint64(UInt64(bitPattern: header.time.nanoseconds))
        writer.uint64(header.generation)
        writer.lp(header.previous.bytes)
        writer.uint8(header.status.rawValue)
        writer.lp(header.sourceSet.bytes)
        writer.count(header.revisions.count)
        for revision in header.revisions {
            writer.text(revision.source)
            writer.lp(revision.commit)
        }
        writer.count(header.roots.count)
        for root in header.roots { writer.raw(root.bytes) }
    }

    private static func header(
        from reader: inout CanonicalReader, _ name: String
    ) throws -> SnapshotHeader {
        let environment = try reader.text(limit: 255)
        let agent = try reader.text(limit: 255)
        let time = Timestamp(nanoseconds: Int64(bitPattern: try reader.uint64()))
        let generation = try reader.uint64()
        let previous = try reader.lp(limit: 32)
        guard let status = SnapshotStatus(rawValue: try reader.uint8()) else {
            throw ArchiveError.damaged("\(name): status")
        }
        let sourceSet = try reader.lp(limit: 32)
        var revisions: [Revision] = []
        for _ in 0..<(try reader.count(itemSize: 8)) {
            let source = try reader.text(limit: 255)
            revisions.append(Revision(source: source, commit: try reader.lp(limit: 32)))
        }
        var roots: [NodeID] = []
        for _ in 0..<(try reader.count(itemSize: 36)) { roots.append(try NodeID(from: &reader)) }
        guard (1..<Tombstone.generationLimit).contains(generation), previous.count == 32,
            sourceSet.count == 32,
            zip(revisions, revisions.dropFirst()).allSatisfy({ $0 < $1 }), Set(roots).count == roots.count
        else { throw ArchiveError.damaged("\(name): header contradicts itself") }
        return SnapshotHeader(
            environment: environment, agent: agent, time: time, generation: generation,
            previous: Digest(previous), status: status, sourceSet: Digest(sourceSet), revisions: revisions,
            roots: roots)
    }

    // MARK: content

    /// The canonical bytes of what only `read` opens; sources name their roots by position.
    static func encode(host: String, _ sources: [SnapshotSource], roots: [NodeID]) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text(contentFormat)
        writer.text(host)
        writer.count(sources.count)
        for source in sources {
            writer.text(source.name)
            writer.uint8(source.kind.rawValue)
            writer.uint8(source.status.rawValue)
            writer.count(source.notes.count)
            for note in source.notes { writer.text(note) }
            // Position plus one; 0 for a source without a tree.
            let position = source.root.flatMap { roots.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
            writer.uint32(UInt32(position))
            writer.uint64(source.entryCount)
            writer.uint64(source.byteCount)
            writer.count(source.facts.count)
            for fact in source.facts {
                writer.text(fact.name)
                writer.lp(fact.value)
            }
        }
        return writer.bytes
    }

    /// The host and the sources of an opened content. Throws `damaged`, `unsupported`.
    static func decode(
        _ bytes: [UInt8], roots: [NodeID], _ name: String
    ) throws(ArchiveError) -> (host: String, sources: [SnapshotSource]) {
        try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == contentFormat else {
                throw ArchiveError(.unsupported, "\(name): content of another version")
            }
            let host = try reader.text(limit: 255)
            var sources: [SnapshotSource] = []
            for _ in 0..<(try reader.count(itemSize: 34)) {
                sources.append(try source(from: &reader, roots: roots, name))
            }
            try reader.end()
            guard encode(host: host, sources, roots: roots) == bytes else {
                throw ArchiveError.damaged("\(name): not the one encoding of a content")
            }
            return (host, sources)
        }
    }

    private static func source(
        from reader: inout CanonicalReader, roots: [NodeID], _ name: String
    ) throws -> SnapshotSource {
        let sourceName = try reader.text(limit: 255)
        guard let kind = SourceKind(rawValue: try reader.uint8()),
            let status = SnapshotStatus(rawValue: try reader.uint8())
        else { throw ArchiveError.damaged("\(name): kind or status of a source") }
        var notes: [String] = []
        for _ in 0..<(try reader.count(itemSize: 4)) { notes.append(try reader.text(limit: 1 << 16)) }
        let position = Int(try reader.uint32())
        guard position <= roots.count else { throw ArchiveError.damaged("\(name): root of a source") }
        let entryCount = try reader.uint64()
        let byteCount = try reader.uint64()
        var facts: [SourceFact] = []
        for _ in 0..<(try reader.count(itemSize: 8)) {
            let factName = try reader.text(limit: 255)
            facts.append(SourceFact(factName, try reader.lp(limit: 1 << 20)))
        }
        guard zip(facts, facts.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw ArchiveError.damaged("\(name): order of facts")
        }
        var source = SnapshotSource(
            name: sourceName, kind: kind, status: status, notes: notes, root: nil, facts: facts)
        source.root = position == 0 ? nil : roots[position - 1]
        source.entryCount = entryCount
        source.byteCount = byteCount
        return source
    }
}
