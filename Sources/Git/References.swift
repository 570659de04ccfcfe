/// All refs of a repository at one moment.
package struct References: Equatable, Sendable {
    /// Where HEAD points.
    package enum Head: Hashable, Sendable {
        /// At a ref, which may not exist yet.
        case symbolic(ReferenceName)
        /// At an object.
        case detached(ObjectID)
    }

    /// One ref and the object it points at.
    package struct Entry: Hashable, Sendable {
        /// The full name.
        package let name: ReferenceName
        /// The object: a commit, an annotated tag, or any other.
        package let target: ObjectID

        /// A ref and its object.
        package init(_ name: ReferenceName, _ target: ObjectID) {
            self.name = name
            self.target = target
        }
    }

    /// Every ref, in the order of names.
    package let entries: [Entry]
    /// Where HEAD points.
    package let head: Head

    /// Takes the refs in any order. Throws `invalidName` where two have one name, or one is below another
    /// (`refs/heads/a` and `refs/heads/a/b`), and `limitExceeded` for more than `GitLimits.references`.
    package init(_ entries: [Entry], head: Head) throws(GitError) {
        let sorted = try References.sorted(entries)
        if let name = References.directories(among: sorted).min() {
            throw GitError(.invalidName, "\(name) is a ref and also a directory of refs")
        }
        self.init(sorted: sorted, head: head)
    }

    private init(sorted: [Entry], head: Head) {
        entries = sorted
        self.head = head
    }

    private static func sorted(_ entries: [Entry]) throws(GitError) -> [Entry] {
        guard entries.count <= GitLimits.references else {
            throw GitError(.limitExceeded, "more than \(GitLimits.references) refs")
        }
        let sorted = entries.sorted { $0.name < $1.name }
        for (entry, next) in zip(sorted, sorted.dropFirst()) where entry.name == next.name {
            throw GitError(.invalidName, "two refs called \(entry.name)")
        }
        return sorted
    }

    /// As `init(_:head:)`, without the refs that others are below: no repository's files can hold both. Those are `leftOut`,
    /// sorted.
    package static func leavingOutDirectories(
        _ entries: [Entry], head: Head
    ) throws(GitError) -> (references: References, leftOut: [Entry]) {
        let sorted = try sorted(entries)
        let names = directories(among: sorted)
        return (
            References(sorted: sorted.filter { !names.contains($0.name) }, head: head),
            sorted.filter { names.contains($0.name) }
        )
    }

    /// The names that stand before a slash of others.
    private static func directories(among entries: [Entry]) -> Set<ReferenceName> {
        let names = Dictionary(entries.map { ($0.name.bytes, $0.name) }, uniquingKeysWith: { $1 })
        var found: Set<ReferenceName> = []
        for entry in entries {
            for (index, byte) in entry.name.bytes.enumerated() where byte == 0x2F {
                if let name = names[Array(entry.name.bytes[..<index])] { found.insert(name) }
            }
        }
        return found
    }

    /// The object of the ref called `name`; nil where there is none.
    package subscript(name: ReferenceName) -> ObjectID? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].name == name ? entries[low].target : nil
    }

    /// The object that HEAD comes to; nil where its branch is not born.
    package var headTarget: ObjectID? {
        switch head {
        case .symbolic(let name): self[name]
        case .detached(let id): id
        }
    }
}
