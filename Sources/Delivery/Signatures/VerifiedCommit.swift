package import Encodings
package import Git

/// A commit that the environment's policy approves. Made only by `verify`.
package struct VerifiedCommit: Sendable {
    /// Where it comes from, and its mirror.
    package let pulled: PulledCommit
    /// The commit, parsed from the very bytes that were verified, or that a verified tag names.
    package let commit: CommitObject
    /// Who signed the head or the tag; nil under `SignaturePolicy.none`.
    package let signer: Signer?
    /// How many commits and tags were verified.
    package let verifiedCount: Int

    /// The most commits that a range may have: what a source gained since its last delivery.
    package static let rangeLimit = 100_000

    private init(pulled: PulledCommit, commit: CommitObject, signer: Signer?, verifiedCount: Int) {
        self.pulled = pulled
        self.commit = commit
        self.signer = signer
        self.verifiedCount = verifiedCount
    }

    /// Verifies `pulled` under `policy` at the time `now` (INTEROP.md 4.2, 4.3; CASES.md F049-F055). Blocks; runs gpgv
    /// for OpenPGP signatures.
    ///
    /// Throws `unsigned`, `badSignature`, `signerNotAllowed`, `verifierFailed`; `nonFastForward` where a range was asked
    /// for and the last trusted commit is not to be found, or the head does not descend from the one that the rules name;
    /// `unusableRequest` where a tag has to be signed and none is followed; `malformedSource` for a malformed commit
    /// where nothing has to be signed by itself.
    package static func verify(
        _ pulled: PulledCommit, _ policy: SignaturePolicy, at now: Timestamp
    ) throws(DeliveryError) -> VerifiedCommit {
        guard case .signed(let rules) = policy else {
            return VerifiedCommit(
                pulled: pulled, commit: try parse(pulled), signer: nil, verifiedCount: 0)
        }
        let verifier = SignatureVerifier(rules: rules, now: now)
        switch rules.extent {
        case .tag:
            let signer = try verifier.verifyTag(of: pulled)
            return VerifiedCommit(
                pulled: pulled, commit: try parse(pulled), signer: signer, verifiedCount: 1)
        case .head:
            let (commit, signer) = try verifier.verify(commit: pulled.id, pulled.raw)
            return VerifiedCommit(pulled: pulled, commit: commit, signer: signer, verifiedCount: 1)
        case .range(let since):
            let (commit, signer) = try verifier.verify(commit: pulled.id, pulled.raw)
            let range = try CommitRange(of: pulled, head: commit, since: since)
            let others = try range.verifyOthers(with: verifier)
            return VerifiedCommit(pulled: pulled, commit: commit, signer: signer, verifiedCount: 1 + others)
        }
    }

    private static func parse(_ pulled: PulledCommit) throws(DeliveryError) -> CommitObject {
        do {
            return try CommitObject(raw: pulled.raw)
        } catch {
            throw DeliveryError(git: error, pulled.source)
        }
    }
}

extension SignatureVerifier {
    /// The signer of the tag that the source follows; where a commit was chosen by hand, of any tag that names it.
    fileprivate func verifyTag(of pulled: PulledCommit) throws(DeliveryError) -> Signer {
        if case .commit = pulled.source.revision { return try verifyAnyTag(of: pulled) }
        guard let name = pulled.tag, let id = pulled.mirror.references[name] else {
            throw DeliveryError(
                .unusableRequest,
                "source \(pulled.source.name): a tag has to be signed, and the source follows none")
        }
        return try verify(name, id, of: pulled)
    }

    private func verifyAnyTag(of pulled: PulledCommit) throws(DeliveryError) -> Signer {
        var refusal = DeliveryError(.unsigned, "commit \(pulled.id): no signed tag names it")
        for entry in pulled.mirror.references.entries
        where entry.name.bytes.starts(with: "refs/tags/".utf8) {
            guard try names(entry.target, pulled) else { continue }
            do throws(DeliveryError) {
                return try verify(entry.name, entry.target, of: pulled)
            } catch {
                refusal = error
            }
        }
        throw refusal
    }

    /// Whether the object is a tag of the pulled commit. A malformed one is none.
    private func names(_ tag: ObjectID, _ pulled: PulledCommit) throws(DeliveryError) -> Bool {
        let repository = pulled.mirror.repository
        do throws(GitError) {
            guard try repository.header(of: tag).type == .tag else { return false }
            let raw = try repository.object(tag, limit: GitLimits.metadataByteCount).bytes
            return (try? TagObject(raw: raw))?.target == pulled.id
        } catch {
            throw DeliveryError(git: error, pulled.source)
        }
    }

    private func verify(
        _ name: ReferenceName, _ id: ObjectID, of pulled: PulledCommit
    ) throws(DeliveryError) -> Signer {
        let repository = pulled.mirror.repository
        let raw: RawObject
        do throws(GitError) {
            guard try repository.header(of: id).type == .tag else {
                throw GitError(
                    .stoppedByCaller, "tag",
                    underlying: DeliveryError(.unsigned, "\(name): not an annotated tag, so not signed"))
            }
            raw = try repository.object(id, limit: GitLimits.metadataByteCount)
        } catch {
            throw DeliveryError(git: error, pulled.source)
        }
        return try verify(
            tag: id, raw.bytes, called: Array(name.bytes.dropFirst("refs/tags/".utf8.count)),
            naming: pulled.id)
    }
}
