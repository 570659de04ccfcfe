package import Git

/// A Git repository and what of it is delivered, checked: made before anything is pulled.
package struct Source: Sendable, Hashable {
    /// What is followed or chosen.
    package enum Revision: Sendable, Hashable {
        /// The head of a branch, which only ever moves forward.
        case branch(ReferenceName)
        /// What a tag names, which may move forward too.
        case tag(ReferenceName)
        /// The highest version in a range that a tag names; versions only ever rise.
        case versions(VersionRange)
        /// One commit, chosen by hand: it may be older than what was delivered.
        case commit(ObjectID)
    }

    /// The source's name: snapshots, receipts and the journal use it.
    package let name: String
    /// Where it is pulled from.
    package let location: RemoteLocation
    /// What is followed or chosen.
    package let revision: Revision
    /// The directory that is delivered, components joined by `/`; empty for the whole tree.
    package let path: [UInt8]

    /// A source of words that a person or a settings file gave. Exactly one of `branch`, `tag`, `versions` (a range)
    /// and `commit` (40 lower-case hex digits) is to be given. A `path` may end with a slash.
    ///
    /// Throws `unusableRequest` for what CASES.md F038 and F039 name: hostile URLs, branches and tags, paths that
    /// are not below the root.
    package init(
        name: String, url: String, branch: String? = nil, tag: String? = nil, versions: String? = nil,
        commit: String? = nil, path: String = "", allowingPlainHTTP: Bool = false
    ) throws(DeliveryError) {
        guard !url.lowercased().hasPrefix("file:") else {
            throw DeliveryError(
                .unusableRequest,
                "source \(name): a file: URL: a directory of this machine is named by its path")
        }
        do throws(GitError) {
            location = try RemoteLocation(url, allowingPlainHTTP: allowingPlainHTTP)
            switch (branch, tag, versions, commit) {
            case (let branch?, nil, nil, nil): revision = .branch(try ReferenceName(branch: branch))
            case (nil, let tag?, nil, nil): revision = .tag(try ReferenceName(tag: tag))
            case (nil, nil, let versions?, nil):
                guard let range = VersionRange(versions) else {
                    throw GitError(.invalidName, "not a range of versions, as ^1.2 or >=1 <2")
                }
                revision = .versions(range)
            case (nil, nil, nil, let commit?): revision = .commit(try ObjectID(hex: commit))
            default:
                throw GitError(.invalidName, "one of branch, tag, versions and commit is to be given")
            }
        } catch {
            throw DeliveryError(.unusableRequest, "source \(name): \(error.context)", underlying: error)
        }
        let bytes = Array(path.utf8)
        let trimmed = bytes.last == 0x2F ? Array(bytes.dropLast()) : bytes
        let names = trimmed.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard trimmed.isEmpty || names.allSatisfy({ TreeObject.isSafe(name: Array($0)) }) else {
            throw DeliveryError(.unusableRequest, "source \(name): not a directory of the repository")
        }
        self.name = name
        self.path = trimmed
    }

    /// The full name of the followed branch or tag, `versions` and the range, or the commit's id: what the journal
    /// keeps as ref.
    package var ref: String {
        switch revision {
        case .branch(let name), .tag(let name): name.description
        case .versions(let range): "versions \(range)"
        case .commit(let id): id.hex
        }
    }

    /// Whether the revision moves by itself.
    package var isFollowing: Bool {
        if case .commit = revision { false } else { true }
    }
}
