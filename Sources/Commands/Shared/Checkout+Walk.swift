internal import Documents
internal import Files
internal import Sealing

extension Checkout {
    /// The rule for `path`, the name of which in messages is `file`. Throws `refused` where none is.
    func rule(for path: [UInt8], _ file: String) throws -> Rule {
        guard let rule = rules.rule(for: path) else {
            throw Failure(
                .refused, "\(file): no rule is for this file", hints: ["add a rule to \(Rules.fileName)"])
        }
        return rule
    }

    /// The places of `paths` and of the names in `list` from the root, the root itself empty; that alone where neither is
    /// given. Throws `usage` for what lies outside of the repository.
    func places(of paths: [String], and list: FileListOption? = nil) throws -> [[UInt8]] {
        guard !paths.isEmpty || list?.pathsFrom != nil else { return [[]] }
        let named = try paths.map { path -> [UInt8] in
            guard let directory = try Process.canonicalIfDirectory(path) else {
                return try self.path(of: path)
            }
            guard directory != root else { return [] }
            // Dots at the end are no name; a link's name is, and isn't followed.
            let isDots = [".", ".."].contains(path.split(separator: "/").last ?? "")
            return try self.path(of: isDots ? directory : path)
        }
        let listed = try list?.names() ?? []
        return try named + listed.map { try path(of: $0) }
    }

    /// Hands the path from the root of every regular file at or below `places` to `body`, in the order of names;
    /// Git's own directories are left out and links not followed. `unread` gets what is wrong with a directory that this
    /// user may not read, which is passed over; without it that is thrown.
    func forEachFile(
        at places: [[UInt8]], unread: ((Failure) -> Void)? = nil, _ body: ([UInt8]) throws -> Void
    ) throws {
        let directory = try Directory(Path(root))
        for place in places { try Checkout.visit(Path(place), in: directory, unread, body) }
    }

    private static func visit(
        _ path: Path, in root: borrowing Directory, _ unread: ((Failure) -> Void)?,
        _ body: ([UInt8]) throws -> Void
    ) throws {
        let kind: FileKind? = path.bytes.isEmpty ? .directory : try root.metadata(of: path).kind
        guard kind == .directory else {
            if kind == .regular { try body(path.bytes) }
            return
        }
        for entry in try entries(of: path, in: root, unread) where entry.name != Path(".git") {
            try visit(path.bytes.isEmpty ? entry.name : path.appending(entry.name), in: root, unread, body)
        }
    }

    /// The entries of a directory in the order of names.
    private static func entries(
        of path: Path, in root: borrowing Directory, _ unread: ((Failure) -> Void)?
    ) throws -> [DirectoryEntry] {
        do throws(FileError) {
            let directory = try path.bytes.isEmpty ? root.duplicate() : root.openDirectory(path)
            let entries = try directory.entries()
            // A directory that may be listed and not entered shows its names, and nothing behind them.
            if let unread, let first = entries.first {
                do throws(FileError) {
                    _ = try directory.metadataIfPresent(of: first.name)
                } catch {
                    guard error.code == .permission else { throw error }
                    unread(Failure(error))
                    return []
                }
            }
            return entries.sorted { $0.name < $1.name }
        } catch {
            guard let unread, error.code == .permission else { throw error }
            unread(Failure(error))
            return []
        }
    }

    /// The absolute path of a place from the root, whatever bytes its name has.
    func place(_ place: [UInt8]) -> Path { Path(root).appending(Path(place)) }
}
