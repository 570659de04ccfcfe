package import Files

extension Repository {
    /// Makes an empty bare repository at `path`, whose parent must be there. It appears whole: it is made under a
    /// temporary name `.<name>.new-<16 hex digits>` and renamed.
    ///
    /// Directories get mode 0700, files 0600. Throws `repositoryExists` where the name is taken, `ioFailed`.
    package static func create(at path: Path, head: ReferenceName? = nil) throws(GitError) -> Repository {
        try BareDirectory.make(at: path, files: [BareDirectory.head(head)])
        return try Repository(directory: path, configuration: nil)
    }

    /// Replaces all refs of a bare repository of ours, and HEAD: the whole of `packed-refs` first, by one rename,
    /// then refs in files of their own go, then HEAD follows.
    ///
    /// Throws `objectMissing`, before anything changes, where a ref or a detached HEAD names what is not here.
    package func setReferences(_ references: References) throws(GitError) {
        try withHandle { handle throws(GitError) in
            for entry in references.entries where !handle.contains(entry.target) {
                throw GitError(.objectMissing, "\(entry.name) names \(entry.target), which is not here")
            }
            if case .detached(let id) = references.head, !handle.contains(id) {
                throw GitError(.objectMissing, "HEAD names \(id), which is not here")
            }
        }
        let place = path
        try GitError.onFiles("set the refs of \(place)") { () throws(FileError) in
            let directory = try Directory(place)
            try unsafe directory.write(BareDirectory.packed(references).span.bytes, to: "packed-refs")
            try BareDirectory.removeFiles(below: directory.openDirectory("refs"))
            try unsafe directory.write(BareDirectory.head(references.head).span.bytes, to: "HEAD")
        }
    }
}

/// The files of a bare repository that libgit2 need not write.
enum BareDirectory {
    /// A file of the repository's root.
    struct File {
        let name: Path
        let bytes: [UInt8]
    }

    /// What Git needs to know; nothing that names a program or another file.
    static let configuration = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"

    /// HEAD of a new repository; Git's own default where none is named.
    static func head(_ name: ReferenceName?) -> File {
        File(
            name: "HEAD", bytes: Array("ref: ".utf8) + (name?.bytes ?? Array("refs/heads/main".utf8)) + [0x0A]
        )
    }

    /// The bytes of HEAD (gitrepository-layout(5)).
    static func head(_ head: References.Head) -> [UInt8] {
        switch head {
        case .symbolic(let name): Array("ref: ".utf8) + name.bytes + [0x0A]
        case .detached(let id): Array("\(id.hex)\n".utf8)
        }
    }

    /// The bytes of `packed-refs`: sorted, and without the claim that tags are peeled, so that readers peel.
    static func packed(_ references: References) -> [UInt8] {
        var bytes = Array("# pack-refs with: sorted \n".utf8)
        for entry in references.entries {
            bytes += Array("\(entry.target.hex) ".utf8) + entry.name.bytes + [0x0A]
        }
        return bytes
    }

    /// Makes a bare repository with these files besides, under a temporary name, and renames it. See
    /// `Repository.create`.
    static func make(at path: Path, files: [File], config: String = configuration) throws(GitError) {
        guard path.name.isName else { throw GitError(.invalidName, "a repository needs a name") }
        do throws(FileError) {
            let parent = try Directory(path.parent)
            let temporary = temporaryName(for: path.name)
            try parent.makeDirectory(temporary)
            do throws(FileError) {
                let directory = try parent.openDirectory(temporary)
                for name: Path in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
                    _ = try directory.makeDirectories(name)
                }
                for file in files + [File(name: "config", bytes: Array(config.utf8))] {
                    try unsafe directory.writeNew(file.bytes.span.bytes, to: file.name)
                }
                try directory.synchronize()
                try parent.rename(temporary, to: path.name, .exclusive)
            } catch {
                try? parent.removeTree(temporary)
                throw error
            }
            try parent.synchronize()
        } catch {
            throw GitError(
                error.code == .exists ? .repositoryExists : .ioFailed, "make a repository at \(path)",
                underlying: error)
        }
    }

    /// `.<name>.new-<16 hex digits>`; names that are too long lose their end.
    static func temporaryName(for name: Path) -> Path {
        let digits = String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16)
        return Path(temporaryPrefix(for: name).bytes + Array(digits.utf8))
    }

    /// What the temporary names of a repository begin with.
    static func temporaryPrefix(for name: Path) -> Path {
        Path([0x2E] + name.bytes.prefix(200) + Array(".new-".utf8))
    }

    /// Makes a bare repository with these files besides, at `path` itself and without a word to the disk: for what
    /// nobody looks for again once this process is gone.
    static func makePassing(at path: Path, files: [File], config: String = configuration) throws(GitError) {
        try GitError.onFiles("make a repository at \(path)") { () throws(FileError) in
            let parent = try Directory(path.parent)
            try parent.makeDirectory(path.name)
            let root = try parent.openDirectory(path.name)
            for name: Path in [
                "objects", "objects/pack", "objects/info", "refs", "refs/heads", "refs/tags",
            ] {
                try root.makeDirectory(name)
            }
            for file in files + [File(name: "config", bytes: Array(config.utf8))] {
                try unsafe root.createFile(file.name).write(file.bytes.span.bytes)
            }
        }
    }

    /// Removes all that is no directory below `directory`.
    static func removeFiles(below directory: borrowing Directory) throws(FileError) {
        for entry in try directory.entries() {
            if try directory.metadata(of: entry.name).kind == .directory {
                try removeFiles(below: directory.openDirectory(entry.name))
            } else {
                try directory.removeFile(entry.name)
            }
        }
    }
}
