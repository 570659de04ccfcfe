package import SSH

/// A header with the signatures over it, as a file holds them: nothing of it is verified yet.
package struct SignedGeneration: Hashable, Sendable {
    /// The header.
    package let header: GenerationHeader
    /// The signatures, sorted by their keys' wire bytes.
    package let signatures: [SSHSignature]

    /// Joins a header with signatures, in any order.
    package init(header: GenerationHeader, signatures: [SSHSignature]) {
        self.header = header
        self.signatures = signatures.sorted { $0.publicKey < $1.publicKey }
    }

    /// Signs `header` with `key`.
    package init(signing header: GenerationHeader, with key: borrowing SigningKey) {
        self.init(header: header, signatures: [SignedGeneration.signature(over: header, by: key)])
    }

    /// The same generation with one more signature, by `key`.
    package func adding(signatureBy key: borrowing SigningKey) -> SignedGeneration {
        SignedGeneration(
            header: header,
            signatures: signatures + [SignedGeneration.signature(over: header, by: key)])
    }

    /// The signature of `key` over the header's bytes in the purpose's namespace.
    package static func signature(
        over header: GenerationHeader, by key: borrowing SigningKey
    ) -> SSHSignature {
        SSHSignature.sign(header.bytes, namespace: header.purpose.namespace, with: key)
    }

    /// Verifies that at least the threshold of `authority`'s admins signed this header, each once.
    ///
    /// Throws as `signers(by:)`, and `notEnoughSignatures`.
    func verify(by authority: GenerationHeader) throws(TrustError) {
        let signers = try signers(by: authority)
        guard UInt64(signers.count) >= authority.threshold else {
            throw TrustError(
                .notEnoughSignatures,
                "generation \(header.generation): signed by \(signers.count) of \(authority.threshold) admins"
            )
        }
    }

    /// Those of `authority`'s admins who signed this header, be they enough or not.
    ///
    /// A signature that doesn't fit, that nobody of the admins made, or that repeats a signer is refused even
    /// where enough others are left: a file holds nothing that is not accounted for. Throws `badSignature`,
    /// `unknownSigner`.
    package func signers(by authority: GenerationHeader) throws(TrustError) -> Set<SSHPublicKey> {
        var signers: Set<SSHPublicKey> = []
        for signature in signatures {
            let name = "generation \(header.generation)"
            let signer: SSHPublicKey
            do {
                signer = try signature.verify(message: header.bytes, namespace: header.purpose.namespace)
            } catch {
                throw TrustError(
                    .badSignature, "\(name): a signature doesn't fit (\(error.context))", underlying: error)
            }
            guard authority.admins.contains(signer) else {
                throw TrustError(
                    .unknownSigner, "\(name): signed by \(signer.fingerprint), who is no admin before it")
            }
            guard signers.insert(signer).inserted else {
                throw TrustError(.badSignature, "\(name): two signatures by one admin")
            }
        }
        return signers
    }
}

/// Generations 1…n that were verified: each named by its number and the hash of the one before, each signed by
/// enough admins of the one before, the first by its own.
///
/// Whether the root is the right one is not said by the chain itself: compare `root` with what is trusted, or
/// ask `Pins`.
package struct GenerationChain: Hashable, Sendable {
    /// The generations in order; never empty.
    package let generations: [SignedGeneration]
    /// The newest generation's header.
    package let newest: GenerationHeader
    /// The fingerprint of the first header: the root of trust.
    package let root: Fingerprint

    /// The most generations that are read.
    package static let generationLimit = 10_000

    /// Verifies all of `generations` for `subject`.
    ///
    /// Throws `wrongSubject` for another purpose or subject, `brokenChain` where there is none, or numbers or
    /// hashes don't follow, and what `SignedGeneration.verify(by:)` throws.
    package init(
        verifying generations: [SignedGeneration], purpose: ChainPurpose, subject: String
    ) throws(TrustError) {
        guard let first = generations.first, generations.count <= GenerationChain.generationLimit else {
            throw TrustError(.brokenChain, "chain: no or too many generations")
        }
        var before = first.header
        for (index, generation) in generations.enumerated() {
            let header = generation.header
            guard header.purpose == purpose, header.subject.utf8.elementsEqual(subject.utf8) else {
                throw TrustError(.wrongSubject, "generation \(header.generation): for another subject")
            }
            guard header.generation == UInt64(index) + 1 else {
                throw TrustError(.brokenChain, "chain: generation \(index + 1) is missing or repeated")
            }
            guard index == 0 || header.previous == before.fingerprint.bytes else {
                throw TrustError(
                    .brokenChain, "generation \(header.generation): follows another generation before")
            }
            try generation.verify(by: before)
            before = header
        }
        self.generations = generations
        newest = before
        root = first.header.fingerprint
    }

    /// The chain with `next` after it, verified like the rest.
    package func appending(_ next: SignedGeneration) throws(TrustError) -> GenerationChain {
        try GenerationChain(
            verifying: generations + [next], purpose: newest.purpose, subject: newest.subject)
    }

    /// The exact bytes of every header, in order: what `Pins` keeps.
    package var headers: [[UInt8]] { generations.map(\.header.bytes) }

    /// Throws `wrongBody` unless `body` is the one that the newest header names.
    package func verify(body: [UInt8]) throws(TrustError) {
        guard newest.names(body: body) else {
            throw TrustError(.wrongBody, "body: not the one that generation \(newest.generation) names")
        }
    }
}
