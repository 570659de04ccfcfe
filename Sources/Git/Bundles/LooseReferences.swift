internal import Files

/// A ref that names another, as it stands in its file.
package struct SymbolicReference: Hashable, Sendable {
    /// The full name.
    package let name: [UInt8]
    /// What it names; nil where that is nothing below `refs/`.
    package let target: ReferenceName?
}

/// What the files below `refs/` hold that libgit2 does not tell: it passes over files that hold no ref in silence, as if the refs
/// had been deleted, and over symbolic refs that lead nowhere.
struct LooseReferences {
    /// What is no object id, no name of another ref, and no file that is passed over by Git too; sorted by name.
    private(set) var flaws: [ReferenceFlaw] = []
    /// Files that name another ref; sorted by name.
    private(set) var symbolic: [SymbolicReference] = []

    /// Reads them. What vanishes while it is looked at is no flaw. Throws `limitExceeded` above `GitLimits.references` files,
    /// `ioFailed`.
    init(in common: Path) throws(GitError) {
        var fileCount = 0
        var waiting: [Path] = ["refs"]
        while let folder = waiting.popLast() {
            let entries = try GitError.onFiles("list the refs of \(common)") { () throws(FileError) in
                try LooseReferences.present { () throws(FileError) in
                    try Directory(common).openDirectory(folder).entries()
                }
            }
            for entry in entries ?? [] {
                let path = folder.appending(entry.name)
                let kind = try GitError.onFiles("look at \(path)") { () throws(FileError) -> FileKind? in
                    if let kind = entry.kind { return kind }
                    return try LooseReferences.present { () throws(FileError) in
                        try Directory(common).metadata(of: path).kind
                    }
                }
                if kind == .directory { waiting.append(path) }
                guard kind == .regular, !path.bytes.reversed().starts(with: ".lock".utf8.reversed()) else {
                    continue
                }
                fileCount += 1
                guard fileCount <= GitLimits.references else {
                    throw GitError(.limitExceeded, "more than \(GitLimits.references) refs")
                }
                if let reason = try read(path, in: common) {
                    flaws.append(ReferenceFlaw(name: path.bytes, reason: reason))
                }
            }
        }
        flaws.sort { $0.name.lexicographicallyPrecedes($1.name) }
        symbolic.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Reads one file. Returns what is wrong with it.
    private mutating func read(_ path: Path, in common: Path) throws(GitError) -> String? {
        guard (try? ReferenceName(path.bytes)) != nil else { return "a name that no ref can have" }
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try LooseReferences.present { () throws(FileError) in
                try Directory(common).read(path, limit: ReferenceName.byteLimit + 64)
            }
        } catch {
            return "it can't be read: \(error)"
        }
        guard let bytes else { return nil }
        var text = bytes[...]
        while let last = text.last, [0x0A, 0x0D, 0x20, 0x09].contains(last) { text = text.dropLast() }
        // At a ref that isn't born, too: that is no loss.
        if text.starts(with: "ref:".utf8) {
            let target = text.dropFirst(4).drop { $0 == 0x20 || $0 == 0x09 }
            symbolic.append(SymbolicReference(name: path.bytes, target: try? ReferenceName(target)))
            return nil
        }
        return (try? ObjectID(hex: text)) == nil ? "the file holds no object's id" : nil
    }

    /// What `body` finds; nil where it is gone.
    private static func present<Value>(_ body: () throws(FileError) -> Value) throws(FileError) -> Value? {
        do throws(FileError) {
            return try body()
        } catch {
            guard error.code == .notFound || error.code == .notDirectory else { throw error }
            return nil
        }
    }
}
