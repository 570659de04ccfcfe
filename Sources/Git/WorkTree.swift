package import Files

/// A checked-out repository on a person's machine, found from any place inside it.
package struct WorkTree: Equatable, Sendable {
    /// The directory with `.git` in it: absolute where the search began at an absolute path.
    package let root: Path
    /// The directory with HEAD: `.git`, or a linked work tree's own.
    package let gitDirectory: Path
    /// The directory with `config` and `hooks`; another than `gitDirectory` in linked work trees.
    package let commonDirectory: Path

    /// Looks for `.git` in `start` and the directories above it. Nothing of the repository's configuration is read.
    ///
    /// `start` is an absolute path of a directory. Throws `repositoryMissing`, and `invalidName` for a relative path.
    package static func discover(from start: Path) throws(GitError) -> WorkTree {
        guard start.isAbsolute else { throw GitError(.invalidName, "not an absolute path: \(start)") }
        var place = start
        while true {
            if let found = try RepositoryPlace.find(at: place), let root = found.workTree {
                return WorkTree(root: root, gitDirectory: found.directory, commonDirectory: found.common)
            }
            guard !place.components.isEmpty else { break }
            place = place.parent
        }
        throw GitError(.repositoryMissing, "no work tree of Git at \(start) or above")
    }

    /// The path below the root of an absolute path, compared as bytes; nil where it lies elsewhere.
    package func relative(_ path: Path) -> Path? {
        let (mine, other) = (root.components, path.components)
        guard path.isAbsolute, other.starts(with: mine) else { return nil }
        return Path(Array(other.dropFirst(mine.count).map(\.bytes).joined(separator: [0x2F])))
    }
}
