internal import CArchive
import Files
import Glibc

/// The bytes that stand before a member's content.
package enum TarHeader {
    /// The header of `entry`: a pax extended header where ustar's fields don't suffice, the ustar header, and
    /// the map of a file with holes. A whole number of blocks of 512 bytes. Names that are not plain ASCII
    /// are kept byte for byte by the record `hdrcharset=BINARY`, which GNU tar passes over with a warning.
    /// One entry always gives the same bytes. archive_write_header(3).
    package static func encode(_ entry: TarEntry) throws(TarError) -> [UInt8] {
        let writer = try HeaderWriter()
        try writer.open(binaryNames: !entry.hasPlainNames, for: entry.path)
        return try writer.header(of: entry)
    }

    /// The entry that `bytes`, exactly one header as `encode` makes it, tell of. Throws `damaged` for
    /// anything else.
    package static func decode(_ bytes: [UInt8]) throws(TarError) -> TarEntry {
        guard !bytes.isEmpty, bytes.count % 512 == 0 else { throw TarError(.truncated, "", "no whole block") }
        var isGiven = false
        var reader = try HeaderReader {
            defer { isGiven = true }
            return isGiven ? [] : bytes
        }
        try reader.open()
        guard let entry = try reader.next() else { throw TarError(.truncated, "", "no header") }
        // One form only: every bit of the header counts.
        guard try encode(entry) == bytes else {
            throw TarError(.damaged, entry.path, "not a header of this writer")
        }
        return entry
    }

    /// What ends an archive: two blocks of zeros.
    package static let end = [UInt8](repeating: 0, count: 1024)
}

extension TarEntry {
    /// Whether all its names are ASCII, and so need no word about their character set.
    fileprivate var hasPlainNames: Bool {
        var names = [path.bytes, userName, groupName]
        switch content {
        case .symbolicLink(let target): names.append(target.bytes)
        case .hardLink(let first): names.append(first.bytes)
        default: break
        }
        return names.allSatisfy { name in name.allSatisfy { $0 < 0x80 } }
    }
}

/// A libarchive writer for one header.
@safe
private struct HeaderWriter: ~Copyable {
    private let handle: OpaquePointer
    private let output = Output()

    /// Where the library's callback puts bytes.
    private final class Output {
        var bytes = [UInt8]()
    }

    init() throws(TarError) {
        try ArchiveLibrary.start()
        guard let handle = unsafe archive_write_new() else {
            throw TarError(.noMemory, "", operation: "archive_write_new(3)")
        }
        unsafe self.handle = handle
    }

    /// Says what is written, and begins to write it.
    borrowing func open(binaryNames: Bool, for path: Path) throws(TarError) {
        try unsafe check("archive_write_set_format_pax(3)", path) { unsafe archive_write_set_format_pax($0) }
        // One form of extended attributes, the one that GNU tar knows, instead of two.
        try unsafe check("archive_write_set_format_option(3)", path) {
            unsafe archive_write_set_format_option($0, "pax", "xattrheader", "SCHILY")
        }
        if binaryNames {
            try unsafe check("archive_write_set_format_option(3)", path) {
                unsafe archive_write_set_format_option($0, "pax", "hdrcharset", "BINARY")
            }
        }
        // Bytes come as they are made, not in records of 20 blocks.
        try unsafe check("archive_write_set_bytes_per_block(3)", path) {
            unsafe archive_write_set_bytes_per_block($0, 0)
        }
        let client = unsafe Unmanaged.passUnretained(output).toOpaque()
        try unsafe check("archive_write_open(3)", path) { handle in
            unsafe archive_write_open(
                handle, client, nil,
                { _, client, bytes, count in
                    guard let client = unsafe client, let bytes = unsafe bytes else { return -1 }
                    let output = unsafe Unmanaged<Output>.fromOpaque(client).takeUnretainedValue()
                    unsafe output.bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
                    return count
                }, nil)
        }
    }

    deinit {
        // Failed on purpose: closing would write the whole content, which never comes, as zeros.
        unsafe archive_write_fail(handle)
        unsafe archive_write_free(handle)
    }

    consuming func header(of entry: TarEntry) throws(TarError) -> [UInt8] {
        let facts = try ArchiveEntry()
        try facts.fill(entry)
        try unsafe check("archive_write_header(3)", entry.path) {
            unsafe archive_write_header($0, facts.handle)
        }
        // The map of holes counts as content for the library, and comes with its first byte, or with none.
        if case .regular(_, .some) = entry.content {
            guard unsafe archive_write_data(handle, "", 0) == 0 else {
                throw TarError(
                    .notRepresentable, entry.path, unsafe ArchiveMessage.text(handle),
                    operation: "archive_write_data(3)")
            }
        }
        return output.bytes
    }

    /// A warning is a failure here: it says that the entry was written otherwise than asked.
    private borrowing func check(
        _ operation: StaticString, _ path: Path, _ call: (OpaquePointer) -> Int32
    ) throws(TarError) {
        let status = ArchiveStatus(PlainLocale.run { unsafe call(handle) })
        let message = unsafe ArchiveMessage.text(handle)
        switch status {
        case .ok: return
        case .warning, .failed, .end, .retry:
            throw TarError(.notRepresentable, path, message, operation: operation)
        case .fatal: throw TarError(.noMemory, path, message, operation: operation)
        }
    }
}
