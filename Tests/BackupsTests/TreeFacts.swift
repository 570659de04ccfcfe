import Archives
import Files
import Glibc

/// Everything that system calls tell of the trees beneath a directory, one text an entry: but for attributes read by none
/// of our code.
struct TreeFacts {
    private(set) var entries: [[UInt8]: String] = [:]
    // The first path of each file that has several names.
    private var files: [UInt64: [UInt8]] = [:]
    private let root: [UInt8]

    /// The facts of what is beneath `path`, links not followed. Traps where it can't be read.
    init(_ path: String) {
        root = Array(path.utf8)
        let root = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        precondition(root >= 0, "\(path): errno \(errno)")
        read(root, [])
        close(root)
    }

    /// The paths at which two trees differ, with what each has there.
    func differences(from other: TreeFacts) -> [String] {
        Set(entries.keys).union(other.entries.keys).compactMap { path in
            guard entries[path] != other.entries[path] else { return nil }
            let name = path.map { String($0, radix: 16) }.joined(separator: " ")
            return "\(name): \(entries[path] ?? "absent") | \(other.entries[path] ?? "absent")"
        }
    }

    private mutating func read(_ directory: Int32, _ path: [UInt8]) {
        for name in TreeFacts.names(directory) {
            let below = path.isEmpty ? name : path + [0x2F] + name
            let text = name.map { CChar(bitPattern: $0) } + [0]
            var facts = stat()
            precondition(unsafe fstatat(directory, text, &facts, AT_SYMLINK_NOFOLLOW) == 0, "errno \(errno)")
            let kind = facts.st_mode & S_IFMT
            var words = [
                String(facts.st_mode, radix: 8), "\(facts.st_uid):\(facts.st_gid)",
                "\(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)",
            ]
            if kind == S_IFREG {
                words.append("\(facts.st_nlink) \(facts.st_size)")
                let first = files[UInt64(facts.st_ino)] ?? below
                files[UInt64(facts.st_ino)] = first
                words.append(TreeFacts.hex(first))
            }
            words += attributes(below)
            entries[below] = words.joined(separator: " ")
            switch kind {
            case S_IFDIR:
                let child = unsafe openat(directory, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                precondition(child >= 0, "errno \(errno)")
                read(child, below)
                close(child)
            case S_IFREG:
                let content = content(directory, text, Int(facts.st_size))
                entries[below]? += " " + content
            case S_IFLNK:
                var target = [CChar](repeating: 0, count: 4096)
                let count = unsafe readlinkat(directory, text, &target, target.count)
                let bytes = target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
                entries[below]? += " " + TreeFacts.hex(bytes)
            default: break
            }
        }
    }

    private static func names(_ directory: Int32) -> [[UInt8]] {
        let own = unsafe openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard let stream = unsafe fdopendir(own) else { preconditionFailure("errno \(errno)") }
        defer { unsafe closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe Array(bytes.prefix { $0 != 0 })
            }
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Names and values of extended attributes, ACLs among them.
    private func attributes(_ path: [UInt8]) -> [String] {
        let path = Path(root + [0x2F] + path)
        guard let found = try? Directory(path.parent).extendedAttributes(of: path.name) else {
            return ["unreadable"]
        }
        return found.map { "\(TreeFacts.hex($0.name.bytes))=\(TreeFacts.hex($0.value))" }.sorted()
    }

    /// A hash of what a file holds, and where its holes are.
    private func content(_ directory: Int32, _ name: [CChar], _ length: Int) -> String {
        let file = unsafe openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        precondition(file >= 0, "errno \(errno)")
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: length)
        var offset = 0
        var holes: [String] = []
        var next = 0
        // SEEK_HOLE 4, SEEK_DATA 3 (lseek(2)); the hole at the end of every file is none.
        while next < length {
            let hole = lseek(file, next, 4)
            guard hole >= 0, hole < length else { break }
            let data = lseek(file, hole, 3)
            holes.append("\(hole)-\(data < 0 ? length : data)")
            next = data < 0 ? length : data
        }
        while offset < length {
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(file, $0.baseAddress?.advanced(by: offset), $0.count - offset, offset)
            }
            guard count > 0 else { break }
            offset += count
        }
        return "\(offset) \(Digest(hashing: bytes)) [\(holes.joined(separator: ","))]"
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
