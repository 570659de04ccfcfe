import Glibc

/// What a disk may hold after the power went: what was forced to it, and of the rest whatever chance keeps (CASES.md F089).
///
/// Bytes of a file count as forced by an fsync of that file after the last write, names by an fsync of their directory after
/// the change: no file system promises more (fsync(2)).
package struct PowerLoss {
    /// What is kept of all that was not forced to the disk.
    package enum Kept: Sendable, CaseIterable {
        /// Nothing.
        case nothing
        /// All names, but no bytes.
        case names
        /// Any part.
        case any
    }

    /// A name that was changed and not forced to the disk.
    private struct Name {
        enum Change {
            case made
            /// From another name, which itself was forced to the disk where it is given.
            case moved(from: String?)
            case removed
        }
        let path: String
        let change: Change
        var directory: String { PowerLoss.parent(of: path) }
    }

    // In the order of the changes.
    private var names: [Name] = []
    private var contents: Set<String> = []

    /// How many names and contents were not forced to the disk.
    package var lostCount: Int { names.count + contents.count }

    /// What the `changes` of a run, cut off after the last of them, leave unforced below `roots`.
    package init(_ changes: [FileChange], below roots: [String]) {
        for change in changes
        where roots.contains(where: { change.path == $0 || change.path.hasPrefix($0 + "/") }) {
            note(change)
        }
    }

    private mutating func note(_ change: FileChange) {
        let path = change.path
        switch change.call {
        case "fsync", "fdatasync":
            contents.remove(path)
            names.removeAll { $0.directory == path }
        case "write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range",
            "sendfile":
            contents.insert(path)
        case "rename", "renameat", "renameat2":
            let source = change.source ?? ""
            if contents.remove(source) != nil { contents.insert(path) }
            let wasForced = !names.contains { $0.path == source }
            names.removeAll { $0.path == source }
            names.append(Name(path: path, change: .moved(from: wasForced ? source : nil)))
        case "unlink", "unlinkat", "rmdir":
            contents.remove(path)
            let wasForced = !names.contains { $0.path == path }
            names.removeAll { $0.path == path }
            if wasForced { names.append(Name(path: path, change: .removed)) }
        case "mkdir", "mkdirat", "open", "openat", "openat2", "creat", "link", "linkat", "symlink",
            "symlinkat":
            names.append(Name(path: path, change: .made))
        default: break
        }
    }

    /// Makes the files be what the disk held: takes back what was not forced to it, but for what is `kept`. `copy` tells
    /// where what a path held before the run was laid aside.
    package func strike(keeping kept: Kept, copy: (String) -> String) {
        for path in contents where kept != .any || Bool.random() {
            let length = size(of: path)
            unsafe truncate(path, kept == .any ? off_t.random(in: 0...max(length, 0)) : 0)
        }
        for name in names.reversed() where kept == .nothing || (kept == .any && Bool.random()) {
            switch name.change {
            case .made: TemporaryDirectory.removeTree(name.path)
            case .moved(from: let source?): unsafe rename(name.path, source)
            case .moved: TemporaryDirectory.removeTree(name.path)
            case .removed: _ = ShellCommand.run("cp", ["-a", copy(name.path), name.path])
            }
            // What stood there before was only replaced.
            if case .moved = name.change, unsafe access(copy(name.path), F_OK) == 0 {
                _ = ShellCommand.run("cp", ["-a", copy(name.path), name.path])
            }
        }
    }

    private func size(of path: String) -> off_t {
        var facts = stat()
        return unsafe stat(path, &facts) == 0 ? facts.st_size : 0
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
