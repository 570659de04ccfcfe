import Files
import Glibc

/// A small generator of pseudo-random numbers (SplitMix64): the same trees each time.
struct SplitMix {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number below `bound`.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
}

/// Makes trees of all that a file system can hold: odd names, names that are no UTF-8, attributes, ACLs, hard links,
/// holes, times before 1970 and far ahead, set-id bits, FIFOs and links that lead nowhere.
struct GeneratedTree {
    private var random: SplitMix
    private let isRoot = geteuid() == 0
    private var files: [[UInt8]] = []
    private var directories: [[UInt8]] = []

    /// Makes the tree of `seed` at `path`, which is absent.
    static func make(_ seed: UInt64, at path: String) {
        var tree = GeneratedTree(random: SplitMix(seed))
        let root = Array(path.utf8)
        precondition(unsafe mkdir(GeneratedTree.text(root), 0o755) == 0, "errno \(errno)")
        tree.fill(root, depth: 0)
        // Times last, the deepest first: what is made in a directory changes its time.
        for directory in tree.directories.reversed() + [root] { tree.describe(directory, isDirectory: true) }
    }

    private init(random: SplitMix) { self.random = random }

    private static func text(_ path: [UInt8]) -> [CChar] { path.map { CChar(bitPattern: $0) } + [0] }

    private mutating func name() -> [UInt8] {
        switch random.below(10) {
        case 0: return random.bytes(1 + random.below(40)).filter { $0 != 0 && $0 != 0x2F } + [0x78]
        case 1: return Array("-rf \u{1F}\n\t'\"*?[\(random.below(100))".utf8)
        case 2: return Array("e\u{301}\(random.below(9))".utf8)
        case 3: return Array("\u{E9}\(random.below(9))".utf8)
        case 4: return Array(repeating: 0x6E, count: 240) + Array("\(random.below(1_000))".utf8)
        case 5: return Array(".hidden.\(random.below(100)) ".utf8)
        default: return Array("file-\(random.below(1_000_000))".utf8)
        }
    }

    private mutating func fill(_ directory: [UInt8], depth: Int) {
        for _ in 0..<random.below(depth == 0 ? 9 : 5) {
            let path = directory + [0x2F] + name()
            guard unsafe access(GeneratedTree.text(path), F_OK) != 0 else { continue }
            switch random.below(12) {
            case 0, 1:
                guard depth < 6, unsafe mkdir(GeneratedTree.text(path), 0o700) == 0 else { continue }
                directories.append(path)
                fill(path, depth: depth + 1)
            case 2:
                let target = random.pick([
                    Array("/nowhere".utf8), Array("../..".utf8), [0xFF, 0xFE, 0x0A], Array(".".utf8),
                ])
                guard unsafe symlink(GeneratedTree.text(target), GeneratedTree.text(path)) == 0 else {
                    continue
                }
                setTime(path)
            case 3:
                guard unsafe mkfifo(GeneratedTree.text(path), 0o600) == 0 else { continue }
                describe(path, isDirectory: false)
            case 4 where !files.isEmpty:
                _ = unsafe link(GeneratedTree.text(random.pick(files)), GeneratedTree.text(path))
            default: file(path)
            }
        }
    }

    private mutating func file(_ path: [UInt8]) {
        let number = unsafe open(GeneratedTree.text(path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard number >= 0 else { return }
        switch random.below(6) {
        case 0: break
        case 1:
            // Holes before, between and behind blocks of data.
            for _ in 0..<(1 + random.below(3)) {
                write(number, at: random.below(200) * 4096, random.bytes(4096))
            }
            _ = ftruncate(number, (200 + random.below(40)) * 4096)
        case 2: write(number, at: 0, random.bytes(random.below(60_000)))
        case 3: write(number, at: 0, [UInt8](repeating: 0, count: random.below(9_000)))
        default: write(number, at: 0, random.bytes(random.below(200)))
        }
        close(number)
        files.append(path)
        describe(path, isDirectory: false)
    }

    private func write(_ file: Int32, at offset: Int, _ bytes: [UInt8]) {
        let count = unsafe bytes.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, offset) }
        precondition(count == bytes.count, "errno \(errno)")
    }

    private mutating func describe(_ path: [UInt8], isDirectory: Bool) {
        let text = GeneratedTree.text(path)
        if isRoot, random.below(3) == 0 {
            let owner = random.pick([0, 1, 65_534, 4_294_967_294])
            _ = unsafe lchown(text, uid_t(owner), gid_t(random.pick([0, 7, 4_294_967_294])))
        }
        if random.below(4) == 0 {
            set(path, "user.\(random.pick(["a", "comment", "é"]))", random.bytes(random.below(300)))
        }
        let hasList = random.below(6) == 0
        if hasList { set(path, "system.posix_acl_access", acl()) }
        if isDirectory, random.below(6) == 0 { set(path, "system.posix_acl_default", acl()) }
        let modes: [mode_t] =
            isDirectory ? [0o755, 0o700, 0o1777, 0o2750] : [0o644, 0o600, 0o4755, 0o2711, 0o444]
        // A mode would change an ACL's mask.
        if !hasList { _ = unsafe chmod(text, random.pick(modes)) }
        setTime(path)
    }

    /// An ACL of user, user 1, group, mask and others (acl_ea_header, linux/posix_acl_xattr.h).
    private mutating func acl() -> [UInt8] {
        var bytes: [UInt8] = [2, 0, 0, 0]
        let none = UInt32.max
        for (tag, permissions, id) in [
            (1, 7, none), (2, random.below(8), 1), (4, 5, none), (16, 7, none), (32, 1, none),
        ] as [(Int, Int, UInt32)] {
            bytes += [UInt8(tag), 0, UInt8(permissions), 0]
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
        }
        return bytes
    }

    private func set(_ path: [UInt8], _ name: String, _ value: [UInt8]) {
        // File systems without them have none to compare.
        try? Directory(Path(path).parent)
            .setExtendedAttribute(ExtendedAttribute(name: Path(name), value: value), of: Path(path).name)
    }

    private mutating func setTime(_ path: [UInt8]) {
        let seconds = random.pick([-1, 0, 1, -86_401, 1_700_000_000, 4_102_444_800, 8_589_934_592])
        let time = timespec(tv_sec: seconds, tv_nsec: random.below(1_000_000_000))
        let times = [time, time]
        _ = unsafe utimensat(AT_FDCWD, GeneratedTree.text(path), times, AT_SYMLINK_NOFOLLOW)
    }
}
