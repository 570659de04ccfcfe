internal import CGit2

/// What is wrong with a repository.
package struct RepositoryFindings: Sendable {
    /// Objects whose bytes were read and compared with their names.
    package fileprivate(set) var objectCount = 0
    /// What was found, in words, no more than `limit`; empty where all is well.
    package fileprivate(set) var problems: [String] = []

    /// So many findings are listed.
    package static let limit = 1000

    fileprivate mutating func add(_ error: GitError) {
        guard problems.count < RepositoryFindings.limit else { return }
        problems.append(error.context)
    }
}

extension Repository {
    /// Looks for damage as `git fsck --full` does: reads each object and compares its hash with its name, then follows
    /// every ref and HEAD to all that they reach. Style of old commits and trees is no finding.
    ///
    /// Throws `library` and the like where the repository can't be looked through at all.
    package func check() throws(GitError) -> RepositoryFindings {
        let references = try references()
        return try withHandle { handle throws(GitError) in
            var findings = RepositoryFindings()
            for id in try handle.allObjects() {
                do throws(GitError) {
                    try handle.withObject(id, expecting: nil, limit: Int.max) { (_, _) throws(GitError) in }
                    findings.objectCount += 1
                } catch {
                    findings.add(error)
                }
            }
            // Each ref by itself: one that is broken hides nothing of the others.
            var reached: Set<ObjectID> = []
            for root in Set(references.roots).sorted() {
                do throws(GitError) {
                    try handle.walkObjects(from: [root], isKnown: { reached.contains($0) }) {
                        link throws(GitError) in reached.insert(link.id)
                    }
                } catch {
                    findings.add(error)
                }
            }
            return findings
        }
    }

    /// The names of all objects, packed and loose, those of alternates among them.
    func objectNames() throws(GitError) -> Set<ObjectID> {
        try withHandle { handle throws(GitError) in try handle.allObjects() }
    }
}

extension RepositoryHandle {
    /// The names of all objects, packed and loose, each once (git_odb_foreach).
    fileprivate borrowing func allObjects() throws(GitError) -> Set<ObjectID> {
        let found = FoundObjects()
        let box = unsafe Unmanaged.passRetained(found)
        defer { unsafe box.release() }
        let code = unsafe git_odb_foreach(
            objects,
            { id, payload in
                guard let id = unsafe id, let payload = unsafe payload else { return GIT_EUSER.rawValue }
                unsafe Unmanaged<FoundObjects>.fromOpaque(payload).takeUnretainedValue().ids.insert(
                    ObjectID(unsafe id.pointee))
                return 0
            }, unsafe box.toOpaque())
        try GitError.check("git_odb_foreach", code, "list objects")
        return found.ids
    }
}

private final class FoundObjects {
    var ids: Set<ObjectID> = []
}
