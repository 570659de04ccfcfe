package import Files
package import Git

/// The tag that a commit was chosen by.
package struct PulledTag: Sendable {
    /// Its name.
    package let name: ReferenceName
    /// The tag objects on the way to the commit, the one that the ref names first, as raw bytes, which are what a
    /// signature is over; empty for a lightweight tag.
    package let objects: [RawObject]
}

/// A commit whose objects lie in our mirror. Nothing is known yet about who made it; that it goes forward is.
/// Made only by `pull` and `recall`.
package struct PulledCommit: Sendable {
    /// Where it comes from.
    package let source: Source
    /// The commit.
    package let id: ObjectID
    /// The commit's raw bytes, which are what a signature is over.
    package let raw: [UInt8]
    /// The tag that it was chosen by, where a tag or version is followed.
    package let chosenBy: PulledTag?
    /// The full name of that tag.
    package var tag: ReferenceName? { chosenBy?.name }
    /// The tag to remember with the commit once it is delivered: the version that must not fall.
    package var markTag: ReferenceName? { mark?.remembered(tag, for: id) ?? tag }
    /// The last commit of this source that was delivered, as the caller remembers it.
    package var lastTrusted: ObjectID? { mark?.commit }
    /// That commit with its tag.
    package let mark: HighWaterMark?
    /// Whether the operator named this very commit as one that need not descend from `lastTrusted`.
    package let isRollbackAllowed: Bool
    /// Whether it does not descend from `lastTrusted`, and a tag of a higher version led to it.
    package let isAside: Bool
    /// The mirror, from which alone everything that follows is read.
    package let mirror: Mirror

    /// Fetches the branches and tags of `source` into the bare mirror at `path`, whose parent is there, and picks the
    /// commit.
    ///
    /// `mark` is the last commit that was delivered from this source and revision. A branch or tag that does not
    /// descend from it, or a version that is not above its own, is refused (`nonFastForward`) unless it stands at
    /// `allowedRollback`, which is the operator's explicit word for this one commit; one that is gone is refused
    /// (`branchMissing`, F046). Throws `sourceMissing` where there is no repository or no such commit,
    /// `sourceUnreachable`, `sourceNotTrusted`, `sourceRefused`, `locked`, `noSpace`, `io`, `limitExceeded`,
    /// `malformedSource`. The mirror stays usable, the target untouched. A damaged mirror is made anew; with
    /// `rebuilding`, whatever is found.
    package static func pull(
        _ source: Source, into path: Path, mark: HighWaterMark? = nil, allowedRollback: ObjectID? = nil,
        rebuilding: Bool = false,
        _ options: FetchOptions = FetchOptions()
    ) throws(DeliveryError) -> PulledCommit {
        try mapped(source) { () throws(GitError) in
            var options = options
            options.scope = .branchesAndTags
            let mirror = try Mirror.fetch(source.location, into: path, rebuilding: rebuilding, options)
            do throws(GitError) {
                return try pick(source, from: mirror, mark, allowedRollback)
            } catch {
                guard !rebuilding, [.damaged, .objectMissing].contains(error.code) else { throw error }
                let fresh = try Mirror.fetch(source.location, into: path, rebuilding: true, options)
                return try pick(source, from: fresh, mark, allowedRollback)
            }
        }
    }

    /// The commit as the mirror at `path` has it since it was last fetched, without asking the source: what can still
    /// be reconciled while the source is away. Throws `sourceMissing` where nothing was fetched yet.
    package static func recall(
        _ source: Source, from path: Path, mark: HighWaterMark? = nil
    ) throws(DeliveryError) -> PulledCommit {
        try mapped(source) { () throws(GitError) in try pick(source, from: Mirror(at: path), mark, nil) }
    }

    private static func mapped(
        _ source: Source, _ body: () throws(GitError) -> PulledCommit
    ) throws(DeliveryError) -> PulledCommit {
        do throws(GitError) {
            return try body()
        } catch {
            throw DeliveryError(git: error, source)
        }
    }

    private static func pick(
        _ source: Source, from mirror: Mirror, _ mark: HighWaterMark?, _ allowedRollback: ObjectID?
    ) throws(GitError) -> PulledCommit {
        let repository = mirror.repository
        let id: ObjectID
        var tag: PulledTag?
        var isBehind = false
        switch source.revision {
        case .commit(let wanted):
            guard try repository.contains(wanted), try repository.header(of: wanted).type == .commit else {
                throw stop(
                    .sourceMissing, "source \(source.name): no commit \(wanted) in \(source.location)")
            }
            id = wanted
            // Where there is a mark, a source that is followed is held there by hand: at what the delivered commit was made
            // of, which was looked at with it, or at what goes on from it, which is. What lies aside never is.
            if let mark { isBehind = try mark.isBefore(wanted, in: repository) }
            if let mark, !isBehind, allowedRollback != wanted,
                try mark.way(to: wanted, tag: nil, in: repository) != .forward
            {
                throw stop(
                    .nonFastForward,
                    "source \(source.name): commit \(wanted) is not in the history of what was delivered (\(mark.commit)) "
                        + "and does not go on from it"
                )
            }
        case .branch(let name):
            guard let head = mirror.references[name] else {
                throw stop(
                    .branchMissing, "source \(source.name): no branch \(name) in \(source.location)")
            }
            guard try repository.header(of: head).type == .commit else {
                throw stop(.malformedSource, "source \(source.name): \(name) is no commit")
            }
            id = head
        case .tag(let name):
            guard let target = mirror.references[name] else {
                throw stop(.branchMissing, "source \(source.name): no tag \(name) in \(source.location)")
            }
            (id, tag) = try peeled(name, target, in: repository)
        case .versions(let range):
            (id, tag) = try highest(in: range, source, mirror)
        }
        var isAside = false
        if source.isFollowing, let mark, allowedRollback != id {
            switch try mark.way(to: id, tag: tag?.name, in: repository) {
            case .forward: break
            case .aside: isAside = true
            case .back: throw stop(.nonFastForward, words(source, id, tag, mark))
            }
        }
        let raw = try repository.object(id, limit: GitLimits.metadataByteCount).bytes
        return PulledCommit(
            source: source, id: id, raw: raw, chosenBy: tag, mark: mark,
            isRollbackAllowed: isBehind || allowedRollback == id, isAside: isAside, mirror: mirror)
    }

    private static func words(
        _ source: Source, _ id: ObjectID, _ tag: PulledTag?, _ mark: HighWaterMark
    ) -> String {
        let name = tag?.name.description ?? source.ref
        let before = mark.tag.map { "\(mark.commit) (\($0))" } ?? "\(mark.commit)"
        let relation = mark.tag == nil ? "does not descend from" : "does not go on from"
        return "source \(source.name): \(name) at \(id) \(relation) \(before), which was delivered before"
    }

    /// The commit of the highest version in `range`. Two tags of one version must name one commit.
    private static func highest(
        in range: VersionRange, _ source: Source, _ mirror: Mirror
    ) throws(GitError) -> (ObjectID, PulledTag?) {
        var best: (version: SemanticVersion, entries: [References.Entry])?
        for entry in mirror.references.entries where entry.name.bytes.starts(with: "refs/tags/".utf8) {
            guard let version = SemanticVersion(tag: entry.name.tagBytes), range.contains(version) else {
                continue
            }
            if let found = best, !(found.version < version) {
                if !(version < found.version) { best?.entries.append(entry) }
            } else {
                best = (version, [entry])
            }
        }
        guard let best else {
            throw stop(
                .branchMissing, "source \(source.name): no tag of a version in \(range) in \(source.location)"
            )
        }
        let found = try best.entries.map { entry throws(GitError) in
            try peeled(entry.name, entry.target, in: mirror.repository)
        }
        guard let first = found.first, found.allSatisfy({ $0.0 == first.0 }) else {
            throw stop(
                .malformedSource,
                "source \(source.name): several tags are version \(best.version), of different commits")
        }
        return first
    }

    /// The commit that a tag comes to, and the tag objects on the way.
    private static func peeled(
        _ name: ReferenceName, _ target: ObjectID, in repository: Repository
    ) throws(GitError) -> (ObjectID, PulledTag?) {
        var objects: [RawObject] = []
        var id = target
        while objects.count <= 16 {
            let object = try repository.object(id, limit: GitLimits.metadataByteCount)
            switch object.type {
            case .commit: return (id, PulledTag(name: name, objects: objects))
            case .tag:
                objects.append(object)
                id = try TagObject(raw: object.bytes).target
            case .tree, .blob: throw GitError(.wrongObjectType, "\(name) leads to no commit")
            }
        }
        throw GitError(.limitExceeded, "\(name): a chain of more than 16 tags")
    }

    /// A refusal of ours on its way out of a function that throws what Git throws.
    private static func stop(_ code: DeliveryError.Code, _ context: String) -> GitError {
        GitError(.stoppedByCaller, context, underlying: DeliveryError(code, context))
    }
}
