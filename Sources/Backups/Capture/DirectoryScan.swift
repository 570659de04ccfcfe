package import Files

/// Walks a directory in the order of an archive's tree: by name bytes, a directory followed at once by what is in it.
///
/// Every step goes through the handle of the directory above, so that no link is followed and no path is too long.
/// What can't be read is a problem of its own; the rest goes on.
package final class DirectoryScan {
    /// One thing that the walk met.
    package enum Item: Sendable {
        /// An entry with its facts; attributes, link targets and contents are asked for.
        case entry(Found)
        /// Something that can't be read, and why.
        case problem(path: [UInt8], FileError)
    }

    /// An entry where it was found.
    package struct Found: Sendable {
        /// The path from the root, joined by slashes; empty for the root itself.
        package let path: [UInt8]
        /// The facts as they were when it was found.
        package let metadata: FileMetadata
        fileprivate let place: Place
        fileprivate let name: Path

        /// Extended attributes, ACLs among them.
        package func attributes() throws(FileError) -> [ExtendedAttribute] {
            path.isEmpty
                ? try place.directory.extendedAttributes()
                : try place.directory.extendedAttributes(of: name)
        }

        /// Where a symbolic link points.
        package func linkTarget() throws(FileError) -> Path { try place.directory.readLink(name) }

        /// Opens a regular file for reading. Throws `notRegular` where another thing stands there by now.
        package func open() throws(FileError) -> Descriptor { try place.directory.openFile(name) }

        /// Opens a regular file for reading, and tells its facts as they are now.
        package func open(_ metadata: inout FileMetadata) throws(FileError) -> Descriptor {
            try place.directory.openFile(name, &metadata)
        }
    }

    /// An open directory: as long as anything that was found in it is held.
    fileprivate final class Place: Sendable {
        let directory: Directory
        let path: [UInt8]

        init(_ directory: consuming Directory, _ path: [UInt8]) {
            self.directory = directory
            self.path = path
        }
    }

    /// How far the patterns fit the names down to a place.
    private struct Matches {
        var include: [PathPattern.State]
        var exclude: [PathPattern.State]
        /// Whether this or something above is included.
        var isIncluded: Bool
    }

    private struct Frame {
        let place: Place
        let names: [DirectoryEntry]
        let matches: Matches
        /// The directory's own entry, until something in it is found that is included.
        var pending: Item?
        var next = 0
    }

    private let selection: DirectorySelection
    private var frames: [Frame] = []
    private var root: Frame?
    private var device: DeviceNumber?
    // Directories above what was found, and that itself, in reverse.
    private var ready: [Item] = []

    /// A walk of what `selection` takes of `root`, itself the first entry. Throws where the root can't be read.
    package init(
        _ root: consuming Directory, selecting selection: DirectorySelection = DirectorySelection()
    ) throws(FileError) {
        let names = try root.entries()
        if selection.staysOnFileSystem { device = try root.metadata().device }
        self.selection = selection
        let matches = Matches(
            include: selection.include.map(\.start), exclude: selection.exclude.map(\.start),
            isIncluded: selection.include.isEmpty)
        self.root = Frame(place: Place(root, []), names: names, matches: matches)
    }

    /// The next item; nil at the end.
    package func next() -> Item? {
        if let root {
            self.root = nil
            frames = [root]
            return rootItem(root.place)
        }
        while true {
            if let item = ready.popLast() { return item }
            guard let frame = frames.last else { return nil }
            guard frame.next < frame.names.count else {
                frames.removeLast()
                continue
            }
            frames[frames.count - 1].next += 1
            let name = frame.names[frame.next].name
            guard let matches = matches(of: name, in: frame.matches) else { continue }
            if matches.isIncluded {
                let depth = frames.count
                ready = [item(name, in: frame.place, matches, isPending: false)]
                for index in frames[..<depth].indices.reversed() {
                    if let above = frames[index].pending.take() { ready.append(above) }
                }
            } else if let problem = search(name, in: frame.place, matches) {
                return problem
            }
        }
    }

    /// How the patterns fit what is called `name`; nil where it is left out with all that is below.
    private func matches(of name: Path, in above: Matches) -> Matches? {
        var matches = above
        for (index, pattern) in selection.exclude.enumerated() {
            matches.exclude[index] = pattern.step(above.exclude[index], name.bytes)
            if pattern.isMatch(matches.exclude[index]) { return nil }
        }
        guard !above.isIncluded else { return matches }
        var mayFollow = false
        for (index, pattern) in selection.include.enumerated() {
            matches.include[index] = pattern.step(above.include[index], name.bytes)
            matches.isIncluded = matches.isIncluded || pattern.isMatch(matches.include[index])
            mayFollow = mayFollow || pattern.mayMatchBelow(matches.include[index])
        }
        return matches.isIncluded || mayFollow ? matches : nil
    }

    /// Goes into a directory that is not included itself; anything else is none of the walk's. What can't be read may hold
    /// something that is: a problem.
    private func search(_ name: Path, in place: Place, _ matches: Matches) -> Item? {
        let found = item(name, in: place, matches, isPending: true)
        guard case .problem = found else { return nil }
        return found
    }

    private func rootItem(_ place: Place) -> Item {
        do throws(FileError) {
            let metadata = try place.directory.metadata()
            return .entry(Found(path: [], metadata: metadata, place: place, name: Path([])))
        } catch {
            return .problem(path: [], error)
        }
    }

    private func item(_ name: Path, in place: Place, _ matches: Matches, isPending: Bool) -> Item {
        let path = place.path.isEmpty ? name.bytes : place.path + [0x2F] + name.bytes
        do throws(FileError) {
            let metadata = try place.directory.metadata(of: name)
            let item = Item.entry(Found(path: path, metadata: metadata, place: place, name: name))
            if metadata.kind == .directory, device == nil || metadata.device == device {
                try descend(name, path, in: place, matches, pending: isPending ? item : nil)
            }
            return item
        } catch {
            return .problem(path: path, error)
        }
    }

    /// Opens a directory, so that its names follow it. One that can't be read is no entry: a restore would take it
    /// for an empty one.
    private func descend(
        _ name: Path, _ path: [UInt8], in place: Place, _ matches: Matches, pending: Item?
    ) throws(FileError) {
        let directory = try place.directory.openDirectory(name)
        let names = try directory.entries()
        frames.append(
            Frame(place: Place(directory, path), names: names, matches: matches, pending: pending))
    }
}
