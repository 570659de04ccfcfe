/// How much of a fetch is borne, whatever the other side sends (CASES.md F045).
package struct FetchLimits: Sendable, Hashable {
    /// Seconds until the process that fetches is killed.
    package var seconds = 600
    /// Seconds that an HTTP server may send nothing.
    package var idleSeconds = 60
    /// Bytes that may be received, and be written to one file.
    package var byteCount = 4 << 30
    /// Objects of one pack.
    package var objectCount = 20_000_000
    /// Bytes of one object, unpacked.
    package var objectByteCount = GitLimits.blobByteCount
    /// Refs of the repository.
    package var referenceCount = GitLimits.references
    /// Bytes of address space of the process that fetches: libgit2 unpacks objects whole.
    package var memoryByteCount = 4 << 30

    /// The limits that hold where nothing else is said.
    package init() {}
}

/// Which refs of a repository a fetch brings.
package enum ReferenceScope: UInt8, Sendable, Hashable {
    /// All of them: for an archive.
    case all
    /// `refs/heads/` and `refs/tags/`: those that only people with the right to push can make. Hosts let anybody
    /// add to `refs/pull/` and the like.
    case branchesAndTags

    /// Whether a ref of this name is brought.
    package func includes(_ name: ReferenceName) -> Bool {
        switch self {
        case .all: true
        case .branchesAndTags:
            name.bytes.starts(with: "refs/heads/".utf8) || name.bytes.starts(with: "refs/tags/".utf8)
        }
    }

    /// `held` with its refs of this scope replaced by those of `offered`, and HEAD as offered.
    func merged(_ offered: References, into held: References) throws(GitError) -> References {
        guard self != .all else { return offered }
        let kept = held.entries.filter { !includes($0.name) }
        return try References(kept + offered.entries.filter { includes($0.name) }, head: offered.head)
    }
}
