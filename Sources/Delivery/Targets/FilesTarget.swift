package import Files
internal import Glibc
package import Processes

/// A directory that opened files are delivered to: where, how, whose.
package struct FilesTarget: Sendable, Hashable {
    /// How a new set of files takes the place of the old one.
    package enum Layout: String, Sendable, CaseIterable {
        /// The directory is a symbolic link, absent or ours at first, that is switched as a whole to a new
        /// generation in `.<name>.generations` beside it. A reader sees all old or all new.
        case generation
        /// Each file is replaced by itself beside foreign files; no promise over several files.
        case files
    }

    /// The directory that holds the target, as the user named it: links on the way are followed.
    package let parent: Path
    /// The target's name in it.
    package let name: Path
    /// The layout.
    package let layout: Layout
    /// Permission bits of delivered files; executable ones also get `x` where they have `r`, and directories
    /// get `rwx` for the owner and `r-x` where files have `r`.
    package let mode: UInt16
    /// Who the files and directories get; nil leaves them with the process's user.
    package let owner: FileOwner?
    /// Which of a tree's files it gets.
    package var contents = TargetContents()
    /// What is run after a change, once readers see it; nil for nothing.
    package var completion: Completion?
    /// Whether it is to be in memory.
    package var memory = MemoryRule.any
    /// Whether the parent directory is made (0711) where it is missing.
    package var makesParent = false

    /// What is run after a change.
    package enum Completion: Sendable, Hashable {
        /// A program as it stands.
        case program(ChildProgram)
        /// `docker compose`: the program and its first arguments, with the project's name and the Compose files below the
        /// target. It is run with the generation itself as its project directory, so that a changed file or secret
        /// is a changed path to Compose, which then makes anew what uses it.
        case compose(ChildProgram, project: String, files: [Path])
    }

    /// Whether a target is to lie on a file system that is kept in memory.
    package enum MemoryRule: String, Sendable, Hashable, CaseIterable {
        /// Wherever it is.
        case any
        /// Elsewhere it is said with each change.
        case warned
        /// Elsewhere nothing is delivered.
        case required
    }

    /// How long an old generation is kept for readers that are still in it.
    package static let graceSeconds: Int64 = 600

    /// A target at the absolute path `directory`. Throws `unusableRequest` for a relative path, a name that can't
    /// stand in a directory, and a mode with other than permission bits or one the owner can't read.
    package init(
        directory: Path, layout: Layout = .generation, mode: UInt16 = 0o400, owner: FileOwner? = nil
    ) throws(DeliveryError) {
        guard directory.isAbsolute else {
            throw DeliveryError(.unusableRequest, "target: not an absolute path: \(directory)")
        }
        let name = directory.name
        guard name.isName, name.bytes.count <= Path.nameLimit - 13 else {
            throw DeliveryError(.unusableRequest, "target: not a usable name: \(directory)")
        }
        guard mode & ~0o777 == 0, mode & 0o400 != 0 else {
            throw DeliveryError(.unusableRequest, "target: mode must be permission bits with 0400 among them")
        }
        self.parent = directory.parent
        self.name = name
        self.layout = layout
        self.mode = mode
        self.owner = owner
    }

    /// The target's path, for messages and receipts.
    package var directory: Path { parent.appending(name) }

    /// What a delivered file's mode must be.
    func mode(executable: Bool) -> UInt16 {
        executable ? mode | (mode & 0o444) >> 2 : mode
    }

    /// What a directory's mode must be for those who may read its files.
    var directoryMode: UInt16 { 0o700 | (mode & 0o044) | (mode & 0o044) >> 2 }

    /// Whether somebody else than this process's user is to read what is delivered.
    var isShared: Bool {
        if mode & 0o077 != 0 { return true }
        guard let owner, owner.user != FileOwner.unchanged else { return false }
        return owner.user != geteuid()
    }

    /// Whether `found` has the owner asked for.
    func ownerFits(_ found: FileOwner) -> Bool {
        guard let owner else { return true }
        return (owner.user == FileOwner.unchanged || owner.user == found.user)
            && (owner.group == FileOwner.unchanged || owner.group == found.group)
    }
}
