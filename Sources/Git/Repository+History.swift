internal import CGit2

// Facts of the commit graph. libgit2 reads parents leniently: whoever trusts a range verifies each commit of it
// with `CommitObject` and compares its parents.
extension Repository {
    /// Whether `ancestor` is `commit` or stands before it. Throws `objectMissing` where either is not there,
    /// `malformedCommit` where libgit2 can't read a commit on the way.
    package func isAncestor(_ ancestor: ObjectID, of commit: ObjectID) throws(GitError) -> Bool {
        try withHandle { handle throws(GitError) in
            try handle.requireCommits([ancestor, commit])
            guard ancestor != commit else { return true }
            var (first, second) = (commit.structure, ancestor.structure)
            let code = unsafe git_graph_descendant_of(handle.repository, &first, &second)
            return try GitError.checkHistory(
                "git_graph_descendant_of", code, "is \(ancestor) before \(commit)") == 1
        }
    }

    /// A best common ancestor of two commits; nil where their histories never meet (git_merge_base).
    package func mergeBase(_ first: ObjectID, _ second: ObjectID) throws(GitError) -> ObjectID? {
        try withHandle { handle throws(GitError) in
            try handle.requireCommits([first, second])
            var (one, two, base) = (first.structure, second.structure, git_oid())
            let code = unsafe git_merge_base(&base, handle.repository, &one, &two)
            if code == GIT_ENOTFOUND.rawValue { return nil }
            try GitError.check("git_merge_base", code, "the base of \(first) and \(second)")
            return ObjectID(base)
        }
    }

    /// The commits that are reachable from `starts` and not from `excluded`, no parent before its child; the
    /// newest first where the graph leaves a choice. Throws `limitExceeded` above `limit` commits, `malformedCommit`
    /// where libgit2 can't read one.
    package func commits(
        from starts: [ObjectID], excluding excluded: [ObjectID] = [], limit: Int = Int.max
    ) throws(GitError) -> [ObjectID] {
        try withHandle { handle throws(GitError) in
            try handle.commits(from: starts, excluding: excluded, limit: limit)
        }
    }
}

extension RepositoryHandle {
    /// Throws `objectMissing` or `wrongObjectType` where an id names no commit that is here.
    borrowing func requireCommits(_ ids: [ObjectID]) throws(GitError) {
        for id in ids {
            guard try header(of: id).type == .commit else {
                throw GitError(.wrongObjectType, "object \(id) is no commit")
            }
        }
    }

    /// As `Repository.commits(from:excluding:limit:)` (git_revwalk_next).
    borrowing func commits(
        from starts: [ObjectID], excluding excluded: [ObjectID], limit: Int
    ) throws(GitError) -> [ObjectID] {
        var walk: OpaquePointer?
        try GitError.check("git_revwalk_new", unsafe git_revwalk_new(&walk, repository), "walk commits")
        defer { unsafe git_revwalk_free(walk) }
        unsafe git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL.rawValue | GIT_SORT_TIME.rawValue)
        for id in starts {
            var name = id.structure
            try GitError.checkHistory(
                "git_revwalk_push", unsafe git_revwalk_push(walk, &name), "walk from \(id)")
        }
        for id in excluded {
            var name = id.structure
            try GitError.checkHistory(
                "git_revwalk_hide", unsafe git_revwalk_hide(walk, &name), "walk without \(id)")
        }
        var found: [ObjectID] = []
        var name = git_oid()
        while true {
            let code = unsafe git_revwalk_next(&name, walk)
            guard code != GIT_ITEROVER.rawValue else { return found }
            try GitError.checkHistory("git_revwalk_next", code, "walk commits")
            guard found.count < limit else { throw GitError(.limitExceeded, "more than \(limit) commits") }
            found.append(ObjectID(name))
        }
    }
}

extension GitError {
    /// As `check`, for functions that parse commits as they go: what they can't parse is `malformedCommit`.
    @discardableResult
    fileprivate static func checkHistory(
        _ function: String, _ code: Int32, _ context: String
    ) throws(GitError) -> Int32 {
        do throws(GitError) {
            return try check(function, code, context)
        } catch {
            let failure = error.underlying as? LibraryFailure
            guard error.code == .library, failure?.errorClass == Int32(GIT_ERROR_INVALID.rawValue) else {
                throw error
            }
            throw GitError(.malformedCommit, error.context, underlying: failure)
        }
    }
}
