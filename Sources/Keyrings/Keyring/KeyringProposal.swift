package import SSH
package import Trust

/// A generation that waits for the signatures of admins: what every change of a keyring gives.
///
/// It becomes a `Keyring` when as many admins of the generation before signed as that one's threshold says; the
/// first generation is signed by its own admins.
package struct KeyringProposal: Hashable, Sendable {
    /// The environment's name.
    package let environment: String
    /// The generations before, verified; nil where the proposal is a keyring's first generation.
    package let base: GenerationChain?
    /// The proposed generation with the signatures so far, each verified.
    package let pending: SignedGeneration
    /// What the generation says.
    package let body: KeyringBody

    /// The first generation of a keyring, not signed yet. Throws `badEnvironmentName`, `lastAdmin`,
    /// `unreachableThreshold`.
    package init(
        first environment: String, body: KeyringBody, admins: [SSHPublicKey], threshold: UInt64 = 1
    ) throws(KeyringError) {
        try EnvironmentName.check(environment)
        try KeyringProposal.check(admins, threshold)
        do {
            let header = try GenerationHeader(
                first: .keyring, subject: environment, threshold: threshold, admins: admins, body: body.bytes)
            self.init(environment: environment, base: nil, header: header, body: body)
        } catch {
            throw KeyringError(.untrusted, "keyring \(environment): \(error.context)", underlying: error)
        }
    }

    /// The generation after `keyring` that says `body`, not signed yet; `admins` and `threshold` stay as they are
    /// where they are not given. Throws `lastAdmin`, `unreachableThreshold`.
    package init(
        after keyring: Keyring, body: KeyringBody, admins: [SSHPublicKey]? = nil, threshold: UInt64? = nil
    ) throws(KeyringError) {
        let newest = keyring.chain.newest
        try KeyringProposal.check(admins ?? newest.admins, threshold ?? newest.threshold)
        do {
            let header = try GenerationHeader(
                after: newest, threshold: threshold ?? newest.threshold, admins: admins ?? newest.admins,
                body: body.bytes)
            self.init(environment: keyring.environment, base: keyring.chain, header: header, body: body)
        } catch {
            let name = "keyring \(keyring.environment)"
            throw KeyringError(.untrusted, "\(name): \(error.context)", underlying: error)
        }
    }

    /// Joins what a file holds: generations of which all but the last one verify, and signatures on the last one
    /// that fit as far as they go. Throws as `Keyring.init(environment:generations:body:)`.
    package init(
        environment: String, generations: [SignedGeneration], body: KeyringBody
    ) throws(KeyringError) {
        try EnvironmentName.check(environment)
        do throws(TrustError) {
            guard let pending = generations.last else {
                throw TrustError(.brokenChain, "chain: no generations")
            }
            let earlier = Array(generations.dropLast())
            base =
                earlier.isEmpty
                ? nil : try GenerationChain(verifying: earlier, purpose: .keyring, subject: environment)
            try KeyringProposal.check(pending.header, follows: base, environment)
            _ = try pending.signers(by: base?.newest ?? pending.header)
            self.pending = pending
        } catch {
            throw KeyringError(.untrusted, "keyring \(environment): \(error.context)", underlying: error)
        }
        self.environment = environment
        self.body = body
        guard pending.header.names(body: body.bytes) else {
            throw KeyringError(
                .wrongBody, "keyring \(environment): members and epochs are not what was proposed")
        }
    }

    private init(environment: String, base: GenerationChain?, header: GenerationHeader, body: KeyringBody) {
        self.environment = environment
        self.base = base
        self.body = body
        pending = SignedGeneration(header: header, signatures: [])
    }

    private init(_ other: KeyringProposal, signatures: [SSHSignature]) {
        environment = other.environment
        base = other.base
        body = other.body
        pending = SignedGeneration(header: other.pending.header, signatures: signatures)
    }

    /// The generation whose admins sign: the one before, or the first one itself.
    package var authority: GenerationHeader { base?.newest ?? pending.header }

    /// The admins who signed so far.
    package var signers: [SSHPublicKey] { pending.signatures.map(\.publicKey) }

    /// How many signatures are still missing.
    package var missingCount: Int { max(0, Int(authority.threshold) - pending.signatures.count) }

    /// The proposal with one more signature.
    ///
    /// Throws `notAnAdmin` for a signature by somebody who is none, `signedAlready` for a second one of an admin,
    /// `untrusted` for one that doesn't fit.
    package func adding(_ signature: SSHSignature) throws(KeyringError) -> KeyringProposal {
        let name = "keyring \(environment)"
        guard authority.admins.contains(signature.publicKey) else {
            throw KeyringError(
                .notAnAdmin, "\(name): \(signature.publicKey.fingerprint) is no admin of it")
        }
        guard !signers.contains(signature.publicKey) else {
            throw KeyringError(
                .signedAlready, "\(name): \(signature.publicKey.fingerprint) signed this already")
        }
        let signed = KeyringProposal(self, signatures: pending.signatures + [signature])
        do {
            _ = try signed.pending.signers(by: authority)
        } catch {
            throw KeyringError(.untrusted, "\(name): \(error.context)", underlying: error)
        }
        return signed
    }

    /// The proposal with the signatures of `signer`. Throws `signing` where that throws, and as `adding(_:)`.
    package func adding(signaturesBy signer: Keyring.Signer) throws(KeyringError) -> KeyringProposal {
        let signatures: [SSHSignature]
        do {
            signatures = try signer(pending.header)
        } catch {
            let name = "keyring \(environment)"
            throw KeyringError(
                .signing, "\(name): generation \(pending.header.generation) was not signed", underlying: error
            )
        }
        var signed = self
        for signature in signatures { signed = try signed.adding(signature) }
        return signed
    }

    /// The keyring with this generation. Throws `untrusted` as long as signatures are missing.
    package func completed() throws(KeyringError) -> Keyring {
        try Keyring(
            environment: environment, generations: (base?.generations ?? []) + [pending], body: body)
    }

    private static func check(_ admins: [SSHPublicKey], _ threshold: UInt64) throws(KeyringError) {
        let count = Set(admins).count
        guard count > 0 else { throw KeyringError(.lastAdmin, "a keyring needs an admin") }
        guard threshold >= 1, threshold <= UInt64(count) else {
            throw KeyringError(
                .unreachableThreshold, "a threshold of \(threshold) with \(count) admins is not to be reached"
            )
        }
    }

    private static func check(
        _ header: GenerationHeader, follows base: GenerationChain?, _ environment: String
    ) throws(TrustError) {
        guard header.purpose == .keyring, header.subject.utf8.elementsEqual(environment.utf8) else {
            throw TrustError(.wrongSubject, "generation \(header.generation): for another subject")
        }
        let isNext =
            base.map {
                header.generation == $0.newest.generation + 1
                    && header.previous == $0.newest.fingerprint.bytes
            } ?? (header.generation == 1)
        guard isNext else {
            throw TrustError(.brokenChain, "generation \(header.generation): follows another one before")
        }
    }
}
