// The chain of trust that keyrings and store configs share (Keyrings/FORMAT.md §1).
//
//   GenerationHeader   what one generation says, in its exact bytes
//   SignedGeneration   a header and the SSH signatures over these bytes
//   GenerationChain    generations 1…n that were verified: the only way to get one
//   Fingerprint        H of a header; of the first one, the root of trust
//   Pins               the chains that were seen before, and what a chain seen now is to them
internal import Encodings
package import SSH
internal import Sodium

/// What kind of thing a chain governs: the two texts that keep keyrings and stores apart.
package struct ChainPurpose: Hashable, Sendable {
    /// The first field of every header.
    package let domain: String
    /// The namespace of the signatures.
    package let namespace: String

    /// The purpose with the header's `domain` text and the signatures' `namespace`.
    package init(domain: String, namespace: String) {
        self.domain = domain
        self.namespace = namespace
    }

    /// Keyrings of environments.
    package static let keyring = ChainPurpose(
        domain: "strongroom/keyring-header/v1", namespace: "strongroom-keyring")
    /// Configs of archive stores.
    package static let store = ChainPurpose(
        domain: "strongroom/store-header/v1", namespace: "strongroom-store")
}

/// The part of one generation that is signed and chained (Keyrings/FORMAT.md §1.1).
package struct GenerationHeader: Hashable, Sendable {
    /// What the chain governs.
    package let purpose: ChainPurpose
    /// The environment's name or the store's id: 1 to 255 bytes of text.
    package let subject: String
    /// From 1, without gaps.
    package let generation: UInt64
    /// H of the header before; 32 zeros in generation 1.
    package let previous: [UInt8]
    /// How many admins must sign the next generation; at least 1, at most as many as there are admins.
    package let threshold: UInt64
    /// Who may sign the next generation: sorted by wire bytes, each once, 1 to 256.
    package let admins: [SSHPublicKey]
    /// H of the body, 32 bytes.
    package let bodyHash: [UInt8]

    /// The most admins that a header can name.
    package static let adminLimit = 256
    /// The longest header that is read.
    package static let byteLimit = 1 << 20
    private static let subjectLimit = 255

    /// The first generation of a chain.
    ///
    /// Sorts `admins` and drops repeated ones. Throws `malformed` where the limits above are not kept.
    package init(
        first purpose: ChainPurpose, subject: String, threshold: UInt64 = 1, admins: [SSHPublicKey],
        body: [UInt8]
    ) throws(TrustError) {
        self.purpose = purpose
        self.subject = subject
        generation = 1
        previous = GenerationHeader.noPrevious
        self.threshold = threshold
        self.admins = Set(admins).sorted()
        bodyHash = BLAKE2b.hash(body)
        try check()
    }

    /// The generation after `before`, for the same subject.
    ///
    /// Sorts `admins` and drops repeated ones. Throws `malformed` where the limits above are not kept.
    package init(
        after before: GenerationHeader, threshold: UInt64, admins: [SSHPublicKey], body: [UInt8]
    ) throws(TrustError) {
        guard before.generation < UInt64.max else {
            throw TrustError(.malformed, "header: no generation follows")
        }
        purpose = before.purpose
        subject = before.subject
        generation = before.generation + 1
        previous = before.fingerprint.bytes
        self.threshold = threshold
        self.admins = Set(admins).sorted()
        bodyHash = BLAKE2b.hash(body)
        try check()
    }

    /// The header with exactly these fields, as a file tells them. Throws `malformed` where the limits above,
    /// the order of the admins, or the rule for `previous` are not kept.
    package init(
        purpose: ChainPurpose, subject: String, generation: UInt64, previous: [UInt8], threshold: UInt64,
        admins: [SSHPublicKey], bodyHash: [UInt8]
    ) throws(TrustError) {
        self.purpose = purpose
        self.subject = subject
        self.generation = generation
        self.previous = previous
        self.threshold = threshold
        self.admins = admins
        self.bodyHash = bodyHash
        try check()
    }

    /// The header of the exact `bytes`. Throws `malformed` for anything but the one encoding, `wrongSubject`
    /// for another purpose's domain text.
    package init(bytes: [UInt8], purpose: ChainPurpose) throws(TrustError) {
        guard bytes.count <= GenerationHeader.byteLimit else {
            throw TrustError(.malformed, "header: too long")
        }
        do {
            self = try GenerationHeader.decode(bytes, purpose)
        } catch let error as TrustError {
            throw error
        } catch {
            throw TrustError(.malformed, "header: not the encoding of a header", underlying: error)
        }
    }

    /// The exact bytes that are signed and hashed.
    package var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(purpose.domain)
        writer.text(subject)
        writer.uint64(generation)
        writer.lp(previous)
        writer.uint64(threshold)
        writer.count(admins.count)
        for admin in admins { writer.lp(admin.wire) }
        writer.lp(bodyHash)
        return writer.bytes
    }

    /// H of the bytes.
    package var fingerprint: Fingerprint { Fingerprint(of: bytes) }

    /// Whether `body` is the one that this header names by its hash.
    package func names(body: [UInt8]) -> Bool { BLAKE2b.hash(body) == bodyHash }

    private static let noPrevious = [UInt8](repeating: 0, count: 32)

    private static func decode(_ bytes: [UInt8], _ purpose: ChainPurpose) throws -> GenerationHeader {
        var reader = CanonicalReader(bytes, "header")
        guard try reader.lp(limit: 64) == Array(purpose.domain.utf8) else {
            throw TrustError(.wrongSubject, "header: of another kind")
        }
        let subject = try reader.text(limit: subjectLimit)
        let generation = try reader.uint64()
        let previous = try reader.lp(limit: 32)
        let threshold = try reader.uint64()
        var admins: [SSHPublicKey] = []
        for _ in 0..<(try reader.count(itemSize: 4)) {
            admins.append(try SSHPublicKey(wire: try reader.lp(limit: SSHPublicKey.byteLimit)))
        }
        let bodyHash = try reader.lp(limit: 32)
        try reader.end()
        return try GenerationHeader(
            purpose: purpose, subject: subject, generation: generation, previous: previous,
            threshold: threshold, admins: admins, bodyHash: bodyHash)
    }

    private func check() throws(TrustError) {
        func malformed(_ what: String) -> TrustError { TrustError(.malformed, "header: \(what)") }
        guard (1...GenerationHeader.subjectLimit).contains(subject.utf8.count) else {
            throw malformed("the subject has no or too many bytes")
        }
        guard previous.count == 32, bodyHash.count == 32 else { throw malformed("a hash has not 32 bytes") }
        guard generation >= 1, (generation == 1) == (previous == GenerationHeader.noPrevious) else {
            throw malformed("generation and hash of the header before don't fit")
        }
        guard (1...GenerationHeader.adminLimit).contains(admins.count) else {
            throw malformed("no or too many admins")
        }
        guard zip(admins, admins.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw malformed("admins are not sorted or repeated")
        }
        guard threshold >= 1, threshold <= UInt64(admins.count) else {
            throw malformed("threshold is not between 1 and the number of admins")
        }
    }
}
