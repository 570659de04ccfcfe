package import Files

/// The Git configuration of the person at the keyboard, for the command line alone: which key they sign with.
/// Mirrors and everything that runs unattended never read it.
///
/// Includes are followed as Git does: `include.path`, and `includeIf` with `gitdir:` where a work tree is given;
/// other conditions count as false.
package struct UserConfiguration: Sendable {
    private let entries: [ConfigurationText.Entry]

    /// Reads the files that git-config(1) names, those that are missing left out: `/etc/gitconfig`,
    /// `<configHome>/git/config`, `<home>/.gitconfig`, and the work tree's own.
    ///
    /// `configHome` is `$XDG_CONFIG_HOME` or `~/.config`. Throws `malformedConfiguration`, `ioFailed`, and
    /// `limitExceeded` for more than 100 files or 10 levels of includes.
    package init(
        home: Path, configHome: Path, workTree: WorkTree?, system: Path = "/etc/gitconfig"
    ) throws(GitError) {
        var reader = Reader(home: home, workTree: workTree)
        var files = [system, configHome.appending("git/config"), home.appending(".gitconfig")]
        if let workTree { files.append(workTree.commonDirectory.appending("config")) }
        for file in files { try reader.read(file, depth: 0) }
        entries = reader.entries
    }

    /// The value of a variable such as `gpg.format` or `gpg.ssh.allowedSignersFile`; the last one wins. Section and
    /// name are compared without case. nil where it is not set.
    package func value(_ name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let section = parts.first?.lowercased(), let key = parts.last?.lowercased()
        else {
            return nil
        }
        let subsection = parts.count > 2 ? parts[1..<(parts.count - 1)].joined(separator: ".") : nil
        let found = entries.last { $0.section == section && $0.subsection == subsection && $0.key == key }
        return found.map { $0.value ?? "true" }
    }

    /// What kind of signature the person makes: `openpgp` (Git's default), `ssh` or `x509`.
    package var signatureFormat: String { value("gpg.format") ?? "openpgp" }

    /// The key that the person signs with: a path, `key::<public key>`, or an OpenPGP id. nil where none is set.
    package var signingKey: String? { value("user.signingkey") }

    private struct Reader {
        let home: Path
        let workTree: WorkTree?
        private(set) var entries: [ConfigurationText.Entry] = []
        private var fileCount = 0

        init(home: Path, workTree: WorkTree?) {
            self.home = home
            self.workTree = workTree
        }

        mutating func read(_ file: Path, depth: Int) throws(GitError) {
            fileCount += 1
            guard depth <= 10, fileCount <= 100 else {
                throw GitError(.limitExceeded, "too many configuration files include each other")
            }
            guard let bytes = try content(of: file) else { return }
            for entry in try ConfigurationText(bytes).entries {
                entries.append(entry)
                guard entry.key == "path", let value = entry.value, !value.isEmpty else { continue }
                let isFollowed =
                    switch (entry.section, entry.subsection) {
                    case ("include", nil): true
                    case ("includeif", let condition?): holds(condition, in: file)
                    default: false
                    }
                if isFollowed { try read(expanded(value, in: file), depth: depth + 1) }
            }
        }

        private func content(of file: Path) throws(GitError) -> [UInt8]? {
            do throws(FileError) {
                // A link to a dot-file elsewhere is common: the person's own files are followed.
                return try Directory.readFollowingLinks(file, limit: 1 << 20)
            } catch {
                guard [.notFound, .notDirectory, .permission].contains(error.code) else {
                    throw GitError.files(error, "read \(file)")
                }
                return nil
            }
        }

        private func expanded(_ text: String, in file: Path) -> Path {
            if text.utf8.starts(with: "~/".utf8) {
                return home.appending(Path(Array(text.utf8.dropFirst(2))))
            }
            let path = Path(text)
            return path.isAbsolute ? path : file.parent.appending(path)
        }

        /// Whether a condition of `includeIf` holds: `gitdir:` and `gitdir/i:` with a plain path or a path that ends
        /// in `/` or `/**`.
        private func holds(_ condition: String, in file: Path) -> Bool {
            guard let workTree else { return false }
            let parts = condition.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "gitdir" || parts[0] == "gitdir/i" else { return false }
            var pattern = String(parts[1])
            if pattern.utf8.starts(with: "./".utf8) { pattern = String(pattern.dropFirst(2)) }
            var (want, have) = (expanded(pattern, in: file).bytes, workTree.gitDirectory.bytes)
            if parts[0] == "gitdir/i" {
                (want, have) = (want.map(UserConfiguration.lower), have.map(UserConfiguration.lower))
            }
            if want.suffix(3).elementsEqual("/**".utf8) { want.removeLast(2) }
            return want.last == 0x2F ? have.starts(with: want) : have == want
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }
}

extension Directory {
    /// A file's bytes, up to eight links followed.
    fileprivate static func readFollowingLinks(_ file: Path, limit: Int) throws(FileError) -> [UInt8] {
        var place = file
        for _ in 0..<8 {
            let parent = try Directory(place.parent)
            guard try parent.metadata(of: place.name).kind == .symbolicLink else { break }
            let target = try parent.readLink(place.name)
            place = target.isAbsolute ? target : place.parent.appending(target)
        }
        return try Directory(place.parent).read(place.name, limit: limit)
    }
}
