import Files
import Tar

/// Entries that use every part of the format, with their content.
enum Sample {
    static let owner = FileOwner(user: 1000, group: 100)
    static let time = FileTime(seconds: 1_700_000_000, nanoseconds: 123_456_789)

    static func file(_ path: Path, byteCount: Int64 = 0) -> TarEntry {
        entry(path, .regular(byteCount: byteCount, extents: nil))
    }

    static func entry(_ path: Path, _ content: TarContent) -> TarEntry {
        TarEntry(path, content, mode: 0o644, owner: owner, modified: time)
    }

    /// One entry for each thing that the format can say.
    static var all: [TarEntry] {
        var entries = [
            file("plain"), file("with space and \"quotes\""), file("-rf"), file("line\nbreak"),
            file("caf\u{E9}"), file("cafe\u{301}"), file(Path([0x62, 0xFF, 0xFE])),
            file(Path([UInt8](repeating: 0x78, count: 255))),
            file(Path(Array(repeating: "directory", count: 300).joined(separator: "/"))),
            file("large", byteCount: 1 << 40), entry("directory", .directory), entry("d/e/f", .directory),
            entry("link", .symbolicLink(target: "../else\u{E9}where")),
            entry("strange link", .symbolicLink(target: Path([0xFF, 0x2F, 0x0A]))),
            entry("long link", .symbolicLink(target: Path([UInt8](repeating: 0x79, count: 4000)))),
            entry("hard", .hardLink(to: "plain")), entry("hard strange", .hardLink(to: Path([0xFF]))),
            entry("pipe", .fifo), entry("null", .characterDevice(DeviceNumber(major: 1, minor: 3))),
            entry("disk", .blockDevice(DeviceNumber(major: 259, minor: 1_048_575))),
        ]
        for seconds: Int64 in [0, 1, -1, -2, -1_000_000, 1 << 33, 1 << 40] {
            var dated = file(Path("time\(seconds)"))
            dated.modified = FileTime(seconds: seconds, nanoseconds: seconds == -1 ? 0 : 250_000_000)
            entries.append(dated)
        }
        var owned = file("owned")
        owned.owner = FileOwner(user: 4_294_967_294, group: 2_097_152)
        owned.userName = Array("us\u{E9}r".utf8)
        owned.groupName = [0xFF, 0x41]
        owned.mode = 0o7777
        entries.append(owned)
        var attributed = file("attributed")
        attributed.attributes = [
            ExtendedAttribute(name: "security.capability", value: [1, 0, 0, 2]),
            ExtendedAttribute(name: "user.a=b%41", value: Array("\n\u{0}x=".utf8)),
            ExtendedAttribute(name: "user.empty", value: []),
            ExtendedAttribute(name: Path(Array("user.".utf8) + [0xFF]), value: [0xFF]),
        ]
        entries.append(attributed)
        entries += sparse + listed
        return entries
    }

    static var sparse: [TarEntry] {
        let maps: [(Int64, [FileExtent])] = [
            (1 << 40, [FileExtent(offset: 4096, byteCount: 512), FileExtent(offset: 1 << 39, byteCount: 1)]),
            (10_000, [FileExtent(offset: 0, byteCount: 100)]), (1 << 40, []),
            (5000, [FileExtent(offset: 4999, byteCount: 1)]),
        ]
        return maps.enumerated().map { index, map in
            entry(Path("sparse\(index)"), .regular(byteCount: map.0, extents: map.1))
        }
    }

    static var listed: [TarEntry] {
        var access = file("access list")
        access.mode = 0o674
        access.attributes = [
            ExtendedAttribute(
                name: "system.posix_acl_access",
                value: acl([
                    (1, 6, nil), (2, 7, 1234), (2, 4, 2_147_483_647), (4, 0, nil), (8, 5, 99), (16, 7, nil),
                    (32, 4, nil),
                ]))
        ]
        var inherited = entry("inherited list", .directory)
        inherited.mode = 0o755
        inherited.attributes = [
            ExtendedAttribute(
                name: "system.posix_acl_default", value: acl([(1, 7, nil), (4, 5, nil), (32, 0, nil)]))
        ]
        var strange = file("strange list")
        strange.attributes = [
            ExtendedAttribute(name: "system.posix_acl_access", value: [2, 0]),
            ExtendedAttribute(
                name: "system.posix_acl_default",
                value: acl([(1, 6, nil), (2, 4, 4_000_000_000), (4, 0, nil), (16, 7, nil), (32, 4, nil)])),
        ]
        return [access, inherited, strange]
    }

    /// The kernel's form of an access control list: linux/posix_acl_xattr.h.
    static func acl(_ rules: [(tag: UInt16, permissions: UInt16, identity: UInt32?)]) -> [UInt8] {
        rules.reduce(into: [2, 0, 0, 0]) { bytes, rule in
            let identity = rule.identity ?? UInt32.max
            bytes += [UInt8(rule.tag), 0, UInt8(rule.permissions), 0]
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: identity >> (8 * UInt32($0))) }
        }
    }

    /// An archive of entries whose stored bytes are all 0x2A, in memory.
    static func archive(_ entries: [TarEntry]) throws -> [UInt8] {
        let output = Output()
        var writer = TarWriter { bytes in output.append(bytes) }
        for entry in entries {
            try writer.begin(entry)
            let content = [UInt8](repeating: 0x2A, count: Int(entry.storedByteCount))
            try writer.write(unsafe content.span.bytes)
        }
        try writer.finish()
        return output.bytes
    }

    /// Collects what a writer gives out.
    final class Output {
        var bytes = [UInt8]()
        func append(_ span: RawSpan) { unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
    }

    /// A reader of bytes in memory, so many at a time.
    static func reader(of bytes: [UInt8], step: Int = 1000) throws -> TarReader {
        var rest = bytes[...]
        return try TarReader {
            let piece = Array(rest.prefix(step))
            rest = rest.dropFirst(step)
            return piece
        }
    }
}

/// The code of the TarError that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> TarError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? TarError)?.code
    }
}
