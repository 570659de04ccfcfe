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
        package func open(_ metadata: inout FileMetadata?) throws(FileError) -> Descriptor {
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

    private struct Frame {
        let place: Place
        let names: [DirectoryEntry]
        var next = 0
    }

    private var frames: [Frame] = []
    private var root: Frame?

    /// A walk of `root`, itself the first entry. Throws where the root can't be read.
    package init(_ root: consuming Directory) throws(FileError) {
        let names = try root.entries()
        self.root = Frame(place: Place(root, []), names: names)
    }

    /// The next item; nil at the end.
    package func next() -> Item? {
        if let root {
            self.root = nil
            frames = [root]
            return rootItem(root.place)
        }
        while let frame = frames.last {
            guard frame.next < frame.names.count else {
                frames.removeLast()
                continue
            }
            frames[frames.count - 1].next += 1
            return item(frame.names[frame.next].name, in: frame.place)
        }
        return nil
    }

    private func rootItem(_ place: Place) -> Item {
        do throws(FileError) {
            let metadata = try place.directory.metadata()
            return .entry(Found(path: [], metadata: metadata, place: place, name: Path([])))
        } catch {
            return .problem(path: [], error)
        }
    }

    private func item(_ name: Path, in place: Place) -> Item {
        let path = place.path.isEmpty ? name.bytes : place.path + [0x2F] + name.bytes
        do throws(FileError) {
            let metadata = try place.directory.metadata(of: name)
            if metadata.kind == .directory { try descend(name, path, in: place) }
            return .entry(Found(path: path, metadata: metadata, place: place, name: name))
        } catch {
            return .problem(path: path, error)
        }
    }

    /// Opens a directory, so that its names follow it. One that can't be read is no entry: a restore would take it
    /// for an empty one.
    private func descend(_ name: Path, _ path: [UInt8], in place: Place) throws(FileError) {
        let directory = try place.directory.openDirectory(name)
        let names = try directory.entries()
        frames.append(Frame(place: Place(directory, path), names: names))
    }
}
