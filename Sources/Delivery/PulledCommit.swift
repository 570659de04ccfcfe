package import Files
package import Git

/// A commit whose objects lie in our mirror. Nothing is known yet about who made it; that it goes forward is.
/// Made only by `pull`.
package struct PulledCommit: Sendable {
    /// Where it comes from.
    package let source: Source
    /// The commit.
    package let id: ObjectID
    /// The commit's raw bytes, which are what a signature is over.
    package let raw: [UInt8]
    /// The last commit of this source that was delivered, as the caller remembers it.
    package let lastTrusted: ObjectID?
    /// Whether the operator named this very commit as one that need not descend from `lastTrusted`.
    package let isRollbackAllowed: Bool
    /// The full name of the tag that led to the commit; nil where none did.
    package let tag: ReferenceName?
    /// The mirror, from which alone everything that follows is read.
    package let mirror: Mirror

    private init(
        source: Source, id: ObjectID, raw: [UInt8], lastTrusted: ObjectID?, isRollbackAllowed: Bool,
        tag: ReferenceName?, mirror: Mirror
    ) {
        self.source = source
        self.id = id
        self.raw = raw
        self.lastTrusted = lastTrusted
        self.isRollbackAllowed = isRollbackAllowed
        self.tag = tag
        self.mirror = mirror
    }

    /// Fetches all refs of `source` into the bare mirror at `path`, whose parent is there, and picks the commit.
    ///
    /// `lastTrusted` is the high-water mark: the last commit that was delivered from this source and branch. A
    /// branch that does not descend from it is refused (`nonFastForward`) unless it stands at `allowedRollback`, which
    /// is the operator's explicit word for this one commit; a branch that is gone is refused (`branchMissing`, F046).
    /// Throws `sourceMissing` where there is no repository or no such commit, `locked`, `noSpace`, `io`,
    /// `limitExceeded`, `malformedSource`. The mirror stays usable, the target untouched.
    package static func pull(
        _ source: Source, into path: Path, lastTrusted: ObjectID? = nil, allowedRollback: ObjectID? = nil
    ) throws(DeliveryError) -> PulledCommit {
        do throws(GitError) {
            let mirror = try Mirror.fetch(source.location, into: path)
            return try pick(source, from: mirror, lastTrusted, allowedRollback)
        } catch {
            guard error.code == .stoppedByCaller, let cause = error.underlying as? DeliveryError else {
                throw DeliveryError(git: error, source)
            }
            throw cause
        }
    }

    private static func pick(
        _ source: Source, from mirror: Mirror, _ lastTrusted: ObjectID?, _ allowedRollback: ObjectID?
    ) throws(GitError) -> PulledCommit {
        let repository = mirror.repository
        let id: ObjectID
        switch source.revision {
        case .commit(let wanted):
            guard try repository.contains(wanted), try repository.header(of: wanted).type == .commit else {
                throw stop(
                    .sourceMissing, "source \(source.name): no commit \(wanted) in \(source.location)")
            }
            id = wanted
        case .branch(let name):
            guard let head = mirror.references[name] else {
                throw stop(
                    .branchMissing, "source \(source.name): no branch \(name) in \(source.location)")
            }
            guard try repository.header(of: head).type == .commit else {
                throw stop(.malformedSource, "source \(source.name): \(name) is no commit")
            }
            if let lastTrusted, lastTrusted != head, allowedRollback != head {
                guard try repository.contains(lastTrusted), try isBefore(lastTrusted, head, in: repository)
                else {
                    throw stop(
                        .nonFastForward,
                        "source \(source.name): \(name) at \(head) does not descend from \(lastTrusted), which "
                            + "was delivered before")
                }
            }
            id = head
        }
        let raw = try repository.object(id, limit: GitLimits.metadataByteCount).bytes
        return PulledCommit(
            source: source, id: id, raw: raw, lastTrusted: lastTrusted,
            isRollbackAllowed: allowedRollback == id,
            tag: nil, mirror: mirror)
    }

    /// Whether `commit` is `last` or descends from it. History that can't be read leads to no commit before it.
    private static func isBefore(
        _ last: ObjectID, _ commit: ObjectID, in repository: Repository
    ) throws(GitError) -> Bool {
        do throws(GitError) {
            return try repository.isAncestor(last, of: commit)
        } catch {
            guard error.code == .malformedCommit else { throw error }
            return false
        }
    }

    /// A refusal of ours on its way out of a function that throws what Git throws.
    private static func stop(_ code: DeliveryError.Code, _ context: String) -> GitError {
        GitError(.stoppedByCaller, context, underlying: DeliveryError(code, context))
    }
}

extension DeliveryError {
    /// What Git said of `source`.
    init(git error: GitError, _ source: Source) {
        if error.code == .stoppedByCaller, let cause = error.underlying as? DeliveryError {
            self = cause
            return
        }
        let code: Code =
            switch error.code {
            case .invalidURL, .unsupportedTransport, .invalidName, .invalidObjectID, .repositoryExists:
                .unusableRequest
            case .repositoryMissing, .referenceMissing: .sourceMissing
            case .unsupportedRepository: .notSupported
            case .limitExceeded: .limitExceeded
            case .unreachable, .timedOut, .processFailed: .sourceUnreachable
            case .serverNotTrusted, .redirectRefused: .sourceNotTrusted
            case .authenticationFailed: .sourceRefused
            case .unusableCredential: .unusableRequest
            case .locked: .locked
            case .ioFailed, .libraryFailed, .library, .stoppedByCaller, .malformedConfiguration: .io
            case .damaged, .objectMissing, .wrongObjectType, .malformedCommit, .headerOrder, .duplicateHeader,
                .misplacedParent, .twoSignatures, .foreignSignature, .headerAfterSignature, .malformedTree,
                .invalidMode, .hostileName, .duplicateEntry, .entryOrder, .malformedTag, .malformedBundle,
                .prerequisiteMissing, .brokenPack:
                .malformedSource
            }
        self.init(code, "source \(source.name): \(error.context)", underlying: error)
    }
}
