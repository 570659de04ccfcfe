package import Encodings
package import Git
package import SSH

/// A commit that the environment's policy approves. Made only by `verify`.
package struct VerifiedCommit: Sendable {
    /// Where it comes from, and its mirror.
    package let pulled: PulledCommit
    /// The commit, parsed from the very bytes that were verified.
    package let commit: CommitObject
    /// Who signed the head; nil under `SignaturePolicy.none`.
    package let signer: SSHPublicKey?
    /// How many commits were verified.
    package let verifiedCount: Int

    /// The most commits that a range may have: what a source gained since its last delivery.
    package static let rangeLimit = 100_000

    private init(pulled: PulledCommit, commit: CommitObject, signer: SSHPublicKey?, verifiedCount: Int) {
        self.pulled = pulled
        self.commit = commit
        self.signer = signer
        self.verifiedCount = verifiedCount
    }

    /// Verifies `pulled` under `policy` at the time `now` (INTEROP.md 4.2, 4.3; CASES.md F049-F055).
    ///
    /// A signature is looked for only in the headers of the raw commit, exactly one, SSHSIG in the namespace
    /// `git`, over exactly the raw bytes without it, by a key that is allowed now. Throws `unsigned`,
    /// `badSignature`, `signerNotAllowed`; `nonFastForward` where a range was asked for and the last delivered
    /// commit is not to be found; `malformedSource` for a malformed commit under `none`.
    package static func verify(
        _ pulled: PulledCommit, _ policy: SignaturePolicy, at now: Timestamp
    ) throws(DeliveryError) -> VerifiedCommit {
        switch policy {
        case .none:
            do {
                let commit = try CommitObject(raw: pulled.raw)
                return VerifiedCommit(pulled: pulled, commit: commit, signer: nil, verifiedCount: 0)
            } catch {
                throw DeliveryError(git: error, pulled.source)
            }
        case .allowedSigners(let signers, let range):
            let verifier = Verifier(signers: signers, now: now)
            let (commit, signer) = try verifier.verify(pulled.id, pulled.raw)
            let others = range ? try verifier.verifyRange(of: pulled, head: commit) : 0
            return VerifiedCommit(
                pulled: pulled, commit: commit, signer: signer, verifiedCount: 1 + others)
        }
    }
}

/// Verifies single commits.
private struct Verifier {
    let signers: AllowedSigners
    let now: Timestamp

    /// The parsed commit and its signer.
    func verify(
        _ id: ObjectID, _ raw: [UInt8]
    ) throws(DeliveryError) -> (commit: CommitObject, signer: SSHPublicKey) {
        let commit: CommitObject
        do {
            commit = try CommitObject(raw: raw)
        } catch {
            throw DeliveryError(.badSignature, "commit \(id): \(error.context)", underlying: error)
        }
        guard let armor = commit.signature else {
            throw DeliveryError(.unsigned, "commit \(id): not signed")
        }
        let signer: SSHPublicKey
        do {
            signer = try SSHSignature(armored: armor).verify(message: commit.signedPayload, namespace: "git")
        } catch {
            throw DeliveryError(.badSignature, "commit \(id): \(error.context)", underlying: error)
        }
        do {
            _ = try signers.match(signer, namespace: "git", at: now)
        } catch {
            let reason =
                switch error {
                case .unknownKey: "is not allowed to sign"
                case .wrongNamespace: "is not allowed to sign commits"
                case .expired: "is not allowed to sign any more"
                case .notYetValid: "is not allowed to sign yet"
                }
            throw DeliveryError(
                .signerNotAllowed, "commit \(id): the key \(signer.fingerprint) \(reason)", underlying: error)
        }
        return (commit, signer)
    }

    /// Verifies every commit between the last delivered one and the head, and returns how many there were.
    ///
    /// The way is gone from parent to parent as the verified bytes name them; libgit2 only says where the
    /// history that was trusted before begins. Without a last commit the head alone is the new beginning.
    func verifyRange(of pulled: PulledCommit, head: CommitObject) throws(DeliveryError) -> Int {
        guard let last = pulled.lastTrusted, last != pulled.id else { return 0 }
        let repository = pulled.mirror.repository
        var known: Set<ObjectID> = [pulled.id, last]
        var waiting = head.parents
        var count = 0
        do throws(GitError) {
            guard try repository.contains(last) else {
                throw GitError(
                    .stoppedByCaller, "range",
                    underlying: DeliveryError(
                        .nonFastForward,
                        "source \(pulled.source.name): commit \(last), delivered before, is not there"))
            }
            while let id = waiting.popLast() {
                guard known.insert(id).inserted, try !repository.isAncestor(id, of: last) else { continue }
                count += 1
                guard count <= VerifiedCommit.rangeLimit else {
                    throw GitError(.limitExceeded, "more than \(VerifiedCommit.rangeLimit) new commits")
                }
                let raw = try repository.object(id, limit: GitLimits.metadataByteCount).bytes
                do throws(DeliveryError) {
                    waiting += try verify(id, raw).commit.parents
                } catch {
                    throw GitError(.stoppedByCaller, "range", underlying: error)
                }
            }
            return count
        } catch {
            throw DeliveryError(git: error, pulled.source)
        }
    }
}
