internal import Files

/// A ref that can't be captured.
package struct ReferenceFlaw: Hashable, Sendable {
    /// The full name, or `HEAD`.
    package let name: [UInt8]
    /// Why, in words.
    package let reason: String

    init(name: [UInt8], reason: String) {
        self.name = name
        self.reason = reason
    }

    /// Of a ref that others are below.
    init(directory entry: References.Entry) {
        self.init(
            name: entry.name.bytes,
            reason: "other refs are below it, which no sound repository has; it names \(entry.target)")
    }
}

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

extension BundleSource {
    /// So many objects that refs name may be broken, or lack something, until the repository counts as broken itself.
    private static let flawLimit = 64
    private static let flawCodes: Set<GitError.Code> = [
        .objectMissing, .damaged, .wrongObjectType, .malformedCommit, .malformedTree, .malformedTag,
    ]

    /// The source without the refs, and without a detached HEAD, of whose objects some are missing or broken: `flaws` has them.
    ///
    /// Reads every object that the refs reach. Nil where none is broken, none is sound, or refs changed meanwhile: then it is
    /// a repository in motion. Blocks.
    package func sound() throws(GitError) -> BundleSource? {
        var flaws: [ReferenceFlaw] = []
        var judged: [ObjectID: String?] = [:]
        var known: Set<ObjectID> = []
        func judge(_ id: ObjectID, _ name: [UInt8]) throws(GitError) -> Bool {
            let reason: String?
            if let found = judged[id] {
                reason = found
            } else {
                reason = try flaw(of: id, &known)
                judged[id] = .some(reason)
            }
            guard let reason else { return true }
            flaws.append(ReferenceFlaw(name: name, reason: reason))
            guard judged.values.count(where: { $0 != nil }) <= BundleSource.flawLimit else {
                throw GitError(
                    .damaged, "more than \(BundleSource.flawLimit) broken refs; of the last one: \(reason)")
            }
            return false
        }
        var entries: [References.Entry] = []
        for entry in references.entries where try judge(entry.target, entry.name.bytes) {
            entries.append(entry)
        }
        var head = references.head
        if case .detached(let id) = head, try !judge(id, Array("HEAD".utf8)) {
            head = .symbolic(try ReferenceName("refs/heads/main"))
        }
        var isEmpty = entries.isEmpty
        if case .detached = head { isEmpty = false }
        guard !flaws.isEmpty, !isEmpty else { return nil }
        guard try repository.soundReferences().references.isSuperset(of: references) else { return nil }
        return BundleSource(self, try References(entries, head: head), flaws)
    }

    /// Why what `id` reaches is not whole; nil where it is, and belongs to `known` then.
    private func flaw(of id: ObjectID, _ known: inout Set<ObjectID>) throws(GitError) -> String? {
        var visited: [ObjectID] = []
        let before = known
        do throws(GitError) {
            try repository.withHandle { handle throws(GitError) in
                try handle.walkObjects(from: [id], isKnown: before.contains) { link throws(GitError) in
                    // Commits, trees and tags were read for what they name.
                    if link.type == .blob {
                        try handle.withObject(link.id, expecting: .blob, limit: Int.max) {
                            (_, _) throws(GitError) in
                        }
                    }
                    visited.append(link.id)
                }
            }
        } catch {
            guard BundleSource.flawCodes.contains(error.code) else { throw error }
            return error.context
        }
        known.formUnion(visited)
        return nil
    }
}

extension References {
    /// Whether all of `other` is here as it is there.
    fileprivate func isSuperset(of other: References) -> Bool {
        head == other.head && other.entries.allSatisfy { self[$0.name] == $0.target }
    }
}
