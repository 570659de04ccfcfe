import Files
import Glibc

/// Everything below a directory, to be compared: kind, mode and content of each entry by its path.
struct FileTree: Equatable, Sendable {
    /// What one path holds.
    struct Entry: Equatable, Sendable, CustomStringConvertible {
        let kind: FileKind
        let mode: UInt16
        /// A file's bytes, a link's target.
        let content: [UInt8]
        /// Of what is no directory, where times are asked for.
        let modified: FileTime?

        // A difference must not print what a file holds.
        var description: String {
            let time = modified.map { " \($0.seconds).\($0.nanoseconds)" } ?? ""
            return "\(kind) \(String(mode, radix: 8)), \(content.count) bytes\(time)"
        }
    }

    private(set) var entries: [Path: Entry] = [:]

    /// Reads the tree below `path` (which may be a link to it); nil where nothing stands there.
    init?(_ path: String, withTimes: Bool = false) throws {
        guard unsafe access(path, F_OK) == 0 else { return nil }
        try read(Directory(Path(path)), below: nil, withTimes)
    }

    /// The content of the file at `path`; nil where there is none.
    subscript(path: String) -> [UInt8]? { entries[Path(path)]?.content }

    /// The paths, as text.
    var paths: [String] { entries.keys.map(\.description).sorted() }

    private mutating func read(
        _ directory: borrowing Directory, below parent: Path?, _ withTimes: Bool
    ) throws {
        for name in try directory.entries().map(\.name) {
            let facts = try directory.metadata(of: name)
            let path = parent?.appending(name) ?? name
            let content: [UInt8] =
                switch facts.kind {
                case .regular: try directory.read(name, limit: 1 << 30)
                case .symbolicLink: try directory.readLink(name).bytes
                default: []
                }
            entries[path] = Entry(
                kind: facts.kind, mode: facts.mode, content: content,
                modified: withTimes && facts.kind != .directory ? facts.modified : nil)
            guard facts.kind == .directory else { continue }
            try read(directory.openDirectory(name), below: path, withTimes)
        }
    }
}
