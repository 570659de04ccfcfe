internal import Git

/// The commits that a head brings beside what was trusted before: all that it reaches, on every parent of merges, and
/// that the last trusted commit does not reach (CASES.md F055, argo-cd PR #28196).
///
/// libgit2 reads commits leniently, so it only proposes: the way is gone from parent to parent as the verified bytes name
/// them, every step has to lie in the proposal or before the trusted commit, and every commit of the proposal has to be
/// met, or lie before it. Whether a commit is verified never depends on what it says of itself.
struct CommitRange {
    private let pulled: PulledCommit
    private let head: CommitObject
    /// The last trusted commit; nil where there is none, and the head alone is the new beginning.
    private let base: ObjectID?

    /// The range of `pulled`, whose head has been verified: since the commit that was delivered last, else since `since`,
    /// from which the head has to descend.
    ///
    /// Throws `nonFastForward` where the base is not there or not before the head, unless a higher version led to a head
    /// beside it. Where going back was allowed, the head
    /// may lie anywhere, and a base that is gone is none: the operator named this very commit.
    init(of pulled: PulledCommit, head: CommitObject, since: ObjectID?) throws(DeliveryError) {
        self.pulled = pulled
        self.head = head
        let repository = pulled.mirror.repository
        guard let base = pulled.lastTrusted ?? since else {
            self.base = nil
            return
        }
        do throws(GitError) {
            guard try repository.contains(base) else {
                guard pulled.isRollbackAllowed else { throw CommitRange.stop(pulled, base, "is not there") }
                self.base = nil
                return
            }
            let isBefore = try repository.isAncestor(base, of: pulled.id)
            guard isBefore || pulled.isRollbackAllowed || pulled.isAside else {
                throw CommitRange.stop(pulled, base, "is not before the head")
            }
        } catch {
            guard error.code != .malformedCommit else { throw CommitRange.unreadable(pulled, error) }
            throw DeliveryError(git: error, pulled.source)
        }
        self.base = base
    }

    /// Verifies every commit of the range but the head, and returns how many there were. Throws what the verifier throws,
    /// `limitExceeded` above `VerifiedCommit.rangeLimit`, `badSignature` where the parents that the verified bytes name
    /// are not those that the repository's own reading finds.
    func verifyOthers(with verifier: SignatureVerifier) throws(DeliveryError) -> Int {
        guard let base, base != pulled.id else { return 0 }
        let repository = pulled.mirror.repository
        do throws(GitError) {
            let proposed = Set(
                try repository.commits(
                    from: [pulled.id], excluding: [base], limit: VerifiedCommit.rangeLimit + 1))
            // Going back: all of it was trusted before.
            guard proposed.contains(pulled.id) else { return 0 }
            var met: Set<ObjectID> = [pulled.id]
            var trusted: Set<ObjectID> = [base]
            var waiting = head.parents
            while let id = waiting.popLast() {
                guard !trusted.contains(id), !met.contains(id) else { continue }
                guard proposed.contains(id) else {
                    guard try repository.isAncestor(id, of: base) else { throw twoReadings(id) }
                    trusted.insert(id)
                    continue
                }
                let raw = try repository.object(id, limit: GitLimits.metadataByteCount).bytes
                do throws(DeliveryError) {
                    waiting += try verifier.verify(commit: id, raw).commit.parents
                    met.insert(id)
                } catch {
                    // Where clocks went wrong libgit2 proposes commits before the base, too.
                    guard try repository.isAncestor(id, of: base) else {
                        throw GitError(.stoppedByCaller, "range", underlying: error)
                    }
                    trusted.insert(id)
                }
            }
            for id in proposed.subtracting(met) where !trusted.contains(id) {
                guard try repository.isAncestor(id, of: base) else { throw twoReadings(id) }
            }
            return met.count - 1
        } catch {
            guard error.code != .malformedCommit else { throw CommitRange.unreadable(pulled, error) }
            throw DeliveryError(git: error, pulled.source)
        }
    }

    private static func unreadable(_ pulled: PulledCommit, _ error: GitError) -> DeliveryError {
        DeliveryError(
            .badSignature, "commit \(pulled.id): a commit of its history is malformed", underlying: error)
    }

    private func twoReadings(_ id: ObjectID) -> GitError {
        GitError(
            .stoppedByCaller, "range",
            underlying: DeliveryError(.badSignature, "commit \(id): its history can be read in two ways"))
    }

    private static func stop(_ pulled: PulledCommit, _ base: ObjectID, _ words: String) -> GitError {
        GitError(
            .stoppedByCaller, "range",
            underlying: DeliveryError(
                .nonFastForward,
                "source \(pulled.source.name): commit \(base), from which on all have to be signed, \(words)")
        )
    }
}
