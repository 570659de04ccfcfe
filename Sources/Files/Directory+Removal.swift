internal import CLinux
import Glibc

extension Directory {
    /// Removes what stands under `path` with all below it; nothing there is no error. Links are removed,
    /// never followed; directories that their owner may not enter (mode 000) are opened up first; a mount
    /// point below is refused (`crossesMount`), with what was removed by then gone. Any depth is done with a
    /// handful of descriptors: deeper directories are first moved up into the tree's own top.
    package borrowing func removeTree(_ path: Path) throws(FileError) {
        guard let found = try metadataIfPresent(of: path) else { return }
        guard found.kind == .directory else { return try removeFile(path) }
        do {
            let top = try openForRemoval(path)
            var waiting = try top.removeFiles()
            while let name = waiting.popLast() {
                waiting += try top.emptyAndRemove(name)
            }
        }
        try removeDirectory(path)
    }

    /// Removes the directory `name`, whose own directories move up into this one first. Returns their new
    /// names.
    private borrowing func emptyAndRemove(_ name: Path) throws(FileError) -> [Path] {
        var moved = [Path]()
        do {
            let child = try openForRemoval(name)
            for deeper in try child.removeFiles() {
                if try child.removedEmpty(deeper) { continue }
                // Moving a directory to another parent changes its `..`, for which it must be writable.
                _ = try child.openForRemoval(deeper)
                let fresh = try Path("removed-" + Temporary.randomSuffix(beside: deeper))
                try child.rename(deeper, to: fresh, in: self, .exclusive)
                moved.append(fresh)
            }
        }
        try removeDirectory(name)
        return moved
    }

    private borrowing func removedEmpty(_ name: Path) throws(FileError) -> Bool {
        do {
            try removeDirectory(name)
            return true
        } catch  where error.code == .notEmpty || error.code == .exists {
            return false
        }
    }

    /// Removes every entry that is not a directory, and returns the names of those that are.
    private borrowing func removeFiles() throws(FileError) -> [Path] {
        var directories = [Path]()
        for entry in try entries() {
            let kind: FileKind
            if let told = entry.kind { kind = told } else { kind = try metadata(of: entry.name).kind }
            if kind == .directory {
                directories.append(entry.name)
            } else {
                try removeFile(entry.name)
            }
        }
        return directories
    }

    /// Opens a directory of this file system with its mode set so that the owner can empty it.
    private borrowing func openForRemoval(_ path: Path) throws(FileError) -> Directory {
        let held = try open(path, linux_O_PATH | O_DIRECTORY, resolve: linux_RESOLVE_NO_XDEV)
        if try held.metadata().mode & 0o700 != 0o700 { try held.setModeByAnchor(0o700) }
        return Directory(adopting: try open(path, O_RDONLY | O_DIRECTORY, resolve: linux_RESOLVE_NO_XDEV))
    }
}
