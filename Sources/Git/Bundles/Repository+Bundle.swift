extension Repository {
    /// Writes a Git bundle (version 2) that brings `references` and HEAD's object to a repository that has all of
    /// `excluded`; plain `git bundle verify` and `git clone` take it. Bytes go to `sink` some 64 KiB at a time; it
    /// must not call this repository.
    ///
    /// `excluded` are the tips of an earlier bundle: commits, or tags of commits. What is not here, or is neither,
    /// is passed over. The prerequisites written are those commits that the new ones stand on. Returns the header.
    /// Throws `objectMissing`, `damaged`, `stoppedByCaller`.
    @discardableResult
    package func writeBundle(
        of references: [References.Entry], head: ObjectID?, excluding excluded: [ObjectID] = [],
        to sink: (RawSpan) throws -> Void
    ) throws(GitError) -> BundleHeader {
        var bases: [ObjectID] = []
        for id in excluded { if let base = try base(id) { bases.append(base) } }
        let starts = bases
        return try withHandle { handle throws(GitError) in
            let wanted = BundleHeader(prerequisites: [], references: references, head: head)
            let plan = try BundlePlan(wanted.roots, excluding: starts, in: handle)
            let pack = try PackBuilder(handle)
            try handle.walkObjects(from: wanted.roots, isKnown: plan.isKnown) { link throws(GitError) in
                try pack.insert(link)
            }
            let header = BundleHeader(prerequisites: plan.boundary, references: references, head: head)
            do { try unsafe sink(header.encoded.span.bytes) } catch {
                throw GitError(.stoppedByCaller, "the bundle's sink failed", underlying: error)
            }
            try pack.write(to: sink)
            return header
        }
    }

    /// As `writeBundle(of:head:excluding:to:)` with every ref and the object that HEAD comes to.
    @discardableResult
    package func writeBundle(
        of references: References, excluding excluded: [ObjectID] = [], to sink: (RawSpan) throws -> Void
    ) throws(GitError) -> BundleHeader {
        try writeBundle(of: references.entries, head: references.headTarget, excluding: excluded, to: sink)
    }

    /// The commit that a tip of an earlier bundle comes to; nil where it is not here or is none.
    private func base(_ id: ObjectID) throws(GitError) -> ObjectID? {
        guard try contains(id) else { return nil }
        do throws(GitError) {
            return try peel(id)
        } catch {
            guard error.code == .wrongObjectType else { throw error }
            return nil
        }
    }
}

/// Which objects a bundle leaves out, and on which commits it stands.
private struct BundlePlan {
    /// The commits that the receiver must have, in the order of their ids.
    let boundary: [ObjectID]
    private let omitted: Set<ObjectID>

    func isKnown(_ id: ObjectID) -> Bool { omitted.contains(id) }

    init(
        _ roots: [ObjectID], excluding bases: [ObjectID], in handle: borrowing RepositoryHandle
    ) throws(GitError) {
        guard !bases.isEmpty else {
            (boundary, omitted) = ([], [])
            return
        }
        let starts = try BundlePlan.commits(roots, in: handle)
        let fresh = Set(try handle.commits(from: starts, excluding: bases, limit: Int.max))
        var edge = Set(starts.filter { !fresh.contains($0) })
        for id in fresh {
            let raw = try handle.read(id, expecting: .commit, limit: GitLimits.metadataByteCount)
            for link in try ObjectLinks(.commit, raw.bytes).links where link.type == .commit {
                if !fresh.contains(link.id) { edge.insert(link.id) }
            }
        }
        // The receiver has the edge with all it reaches; its trees are what new trees most often share.
        var omitted = edge
        var trees: [ObjectID] = []
        for id in edge {
            let raw = try handle.read(id, expecting: .commit, limit: GitLimits.metadataByteCount)
            trees += try ObjectLinks(.commit, raw.bytes).links.filter { $0.type == .tree }.map(\.id)
        }
        try handle.walkObjects(from: trees, isKnown: { _ in false }) { link throws(GitError) in
            omitted.insert(link.id)
        }
        boundary = edge.sorted()
        self.omitted = omitted
    }

    /// The commits that roots come to through tags; roots of other kinds are left out.
    private static func commits(
        _ roots: [ObjectID], in handle: borrowing RepositoryHandle
    ) throws(GitError) -> [ObjectID] {
        var found: [ObjectID] = []
        var waiting = roots
        while let id = waiting.popLast() {
            switch try handle.header(of: id).type {
            case .commit: found.append(id)
            case .tag:
                let raw = try handle.read(id, expecting: .tag, limit: GitLimits.metadataByteCount)
                waiting += try ObjectLinks(.tag, raw.bytes).links.map(\.id)
            case .tree, .blob: continue
            }
        }
        return found
    }
}

/// Takes a Git bundle into a bare repository of ours, bytes as they come. Sets no ref: the caller does, with
/// `Repository.setReferences`, when all its bundles are in.
///
/// The repository must be used by nobody else meanwhile. Until `finish()` returns it is as it was.
package struct BundleReceiver: ~Copyable {
    private var header: BundleHeader?
    private var start: [UInt8] = []
    private var pack: PackReceiver

    /// Begins a bundle for `repository`, which `Repository.create` or `Mirror` made.
    package init(into repository: Repository) throws(GitError) {
        pack = try PackReceiver(into: repository.path)
    }

    /// Takes the next bytes. Throws `malformedBundle`, `prerequisiteMissing`, `brokenPack`, `limitExceeded`.
    package mutating func append(_ bytes: RawSpan) throws(GitError) {
        guard header == nil else { return try pack.append(bytes) }
        let searched = max(0, start.count - 1)
        start += bytes.array
        guard let end = BundleReceiver.emptyLine(in: start, from: searched) else {
            guard start.count <= GitLimits.bundleHeaderByteCount else {
                throw GitError(.limitExceeded, "a bundle with a header that does not end")
            }
            guard start.starts(with: "# v".utf8.prefix(start.count)) else {
                throw GitError(.malformedBundle, "not a Git bundle")
            }
            return
        }
        let header = try BundleHeader(Array(start[..<end]))
        for id in header.prerequisites where !pack.hadCommit(id) {
            throw GitError(.prerequisiteMissing, "commit \(id), which the bundle stands on, is not here")
        }
        self.header = header
        let rest = Array(start[end...])
        start = []
        if !rest.isEmpty { try append(rest) }
    }

    /// Takes the next bytes, as `append(_:)` of a span.
    package mutating func append(_ bytes: [UInt8]) throws(GitError) { try unsafe append(bytes.span.bytes) }

    /// Ends the bundle: its pack is whole, and with what the repository had it holds everything that its refs reach.
    /// Throws `malformedBundle`, `brokenPack`.
    package consuming func finish() throws(GitError) -> BundleHeader {
        guard let header else { throw GitError(.malformedBundle, "a header that does not end") }
        try pack.finish(roots: header.roots, isChecking: true, isRenamed: false)
        return header
    }

    /// Where the empty line of the header ends.
    private static func emptyLine(in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == 0x0A, bytes[index + 1] == 0x0A { return index + 2 }
            index += 1
        }
        return nil
    }
}
