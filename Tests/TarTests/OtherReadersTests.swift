import Files
import Glibc
import Support
import Tar
import Testing

/// What other programs make of our archives, and we of theirs.
@Suite struct OtherReadersTests {
    let scratch = TemporaryDirectory("tar")

    @Test func `Python's tarfile reads the same names, facts, links and times`() throws {
        let entries = Sample.all.filter { $0.storedByteCount < 1 << 20 }
        try store(Sample.archive(entries))
        // Its header class knows sparse files of the newest form, but takes their size from the extended
        // header.
        let script = """
            import sys, tarfile
            def hexed(text): return text.encode('utf-8', 'surrogateescape').hex()
            for m in tarfile.open(sys.argv[1], errors='surrogateescape'):
                print(hexed(m.name), hexed(m.linkname), m.mode, m.uid, m.gid, hexed(m.uname), hexed(m.gname),
                      m.pax_headers.get('mtime', str(int(m.mtime))), m.size, sep='|')
            """
        let outcome = ShellCommand.run("python3", ["-c", script, scratch.file("archive.tar")])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.count == entries.count)
        for (line, entry) in zip(lines, entries) {
            #expect(String(line) == description(entry), "\(entry.path)")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `GNU tar restores a tree with all its facts`() throws {
        try makeTree(strangeNames: true)
        let tree = try Directory(Path(scratch.file("tree")))
        let before = try describe(tree)
        let output = Sample.Output()
        var writer = TarWriter { bytes in output.append(bytes) }
        for entry in before {
            try writer.begin(entry)
            guard case .regular(let byteCount, let extents) = entry.content else { continue }
            let file = try tree.openFile(entry.path)
            for extent in extents ?? [FileExtent(offset: 0, byteCount: byteCount)] {
                let bytes = try file.read(Int(extent.byteCount), at: extent.offset)
                try writer.write(unsafe bytes.span.bytes)
            }
        }
        try writer.finish()
        try store(output.bytes)
        _ = try Directory.makePath(Path(scratch.file("restored")))
        let outcome = ShellCommand.run(
            "tar",
            [
                "--extract", "--file", scratch.file("archive.tar"), "--directory", scratch.file("restored"),
                "--same-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls",
            ])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let restored = try Directory(Path(scratch.file("restored")))
        let after = try describe(restored)
        #expect(after.count == before.count)
        for (found, given) in zip(after, before) { #expect(found == given) }
        let same = ShellCommand.run(
            "diff",
            ["-r", "--no-dereference", scratch.file("tree/content"), scratch.file("restored/content")])
        #expect(same.status == 0, "\(same.text)")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `a pax archive of GNU tar reads as the tree it was made of`() throws {
        try makeTree(strangeNames: false)
        let outcome = ShellCommand.run(
            "tar",
            [
                "--create", "--file", scratch.file("archive.tar"), "--directory", scratch.file("tree"),
                "--format=pax", "--numeric-owner", "--sparse", "--xattrs", "--xattrs-include=*", "--acls",
                "--sort=name", "--pax-option=delete=atime,delete=ctime", ".",
            ])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let archive = try Directory(Path(scratch.path)).read("archive.tar", limit: 1 << 24)
        var reader = try Sample.reader(of: archive)
        var found = [TarEntry]()
        while var entry = try reader.next() {
            guard entry.path != "./", entry.path != "." else { continue }
            entry.path = Path(Array(entry.path.bytes.dropFirst(2)))
            if case .hardLink(let first) = entry.content {
                entry.content = .hardLink(to: Path(Array(first.bytes.dropFirst(2))))
            }
            found.append(entry)
        }
        let given = try describe(Directory(Path(scratch.file("tree"))))
        #expect(found.map(\.path).sorted() == given.map(\.path).sorted())
        for var entry in given {
            // GNU tar says attributes once, with a file's first name.
            if case .hardLink = entry.content { entry.attributes = [] }
            #expect(found.first { $0.path == entry.path } == entry)
        }
    }

    @Test func `archives in GNU's own form and the oldest one are refused`() throws {
        _ = try Directory.makePath(Path(scratch.file("tree")))
        try Directory(Path(scratch.file("tree"))).writeNew([1], to: "file")
        for format in ["gnu", "oldgnu", "v7"] {
            let outcome = ShellCommand.run(
                "tar",
                ["-cf", scratch.file("archive.tar"), "-C", scratch.path, "--format=\(format)", "tree/file"])
            #expect(outcome.status == 0)
            let archive = try Directory(Path(scratch.path)).read("archive.tar", limit: 1 << 20)
            var reader = try Sample.reader(of: archive)
            #expect(code { _ = try reader.next() } == .unsupported, "\(format)")
        }
    }

    private func store(_ bytes: [UInt8]) throws {
        try Directory(Path(scratch.path)).write(bytes, to: "archive.tar")
    }

    /// A tree of every kind that a file system holds and a tar archive can say.
    private func makeTree(strangeNames: Bool) throws {
        let tree = try Directory.makePath(Path(scratch.file("tree")))
        _ = try tree.makeDirectories("content/deep/er")
        let text = Array("content\n".utf8)
        var names: [Path] = ["content/a", "content/deep/er/b", "content/-x", "content/line\nbreak"]
        // Without the word BINARY, which GNU tar never says, libarchive would compose such names.
        if strangeNames {
            names += [
                "content/caf\u{E9}", "content/cafe\u{301}", Path(Array("content/".utf8) + [0xFF, 0x0A]),
            ]
        }
        for name in names { try tree.writeNew(text, to: name, mode: 0o640) }
        try tree.writeNew(text, to: "content/set-id", mode: 0o4755)
        try tree.writeNew([UInt8](repeating: 7, count: 100_000), to: "content/large")
        try tree.writeNew([], to: "content/empty")
        try tree.link("content/a", to: "content/zz hard")
        try tree.makeSymbolicLink("content/link", to: strangeNames ? "../somewhere\u{E9}" : "../somewhere")
        try tree.makeSpecialFile("pipe", .fifo, mode: 0o622)
        try tree.makeSpecialFile("null", .characterDevice, device: DeviceNumber(major: 1, minor: 3))
        let sparse = try tree.createFile("sparse")
        try sparse.truncate(to: 1 << 22)
        try sparse.write(unsafe text.span.bytes, at: 1 << 20)
        try tree.setExtendedAttribute(
            ExtendedAttribute(name: "user.note", value: [0, 10, 255]), of: "content/a")
        for entry in Sample.listed.dropLast() {
            let isDirectory = entry.content == .directory
            if isDirectory {
                try tree.makeDirectory(entry.path)
            } else {
                try tree.writeNew([], to: entry.path)
            }
            for attribute in entry.attributes { try tree.setExtendedAttribute(attribute, of: entry.path) }
        }
        var facts = try tree.metadata(of: "content/a")
        facts.owner = FileOwner(user: 3_000_000_000, group: 7)
        facts.modified = FileTime(seconds: 1_700_000_000, nanoseconds: 1)
        for name: Path in ["content/a", "content/link", "content/deep", "pipe"] {
            try tree.apply(facts, [.owner, .modified], to: name)
        }
    }

    /// The entries of a tree in byte order, hard links after their first name.
    private func describe(_ root: borrowing Directory) throws -> [TarEntry] {
        var entries = [TarEntry]()
        var firstNames = [UInt64: Path]()
        try describe(root, Path([]), root, &firstNames, &entries)
        return entries
    }

    private func describe(
        _ directory: borrowing Directory, _ place: Path, _ root: borrowing Directory,
        _ firstNames: inout [UInt64: Path], _ entries: inout [TarEntry]
    ) throws {
        for name in try directory.entries().map(\.name) {
            let path = place.appending(name)
            let facts = try directory.metadata(of: name)
            var content: TarContent
            switch facts.kind {
            case .regular:
                let extents = facts.maySparse ? try directory.openFile(name).dataExtents() : nil
                content = .regular(byteCount: facts.byteCount, extents: extents)
            case .directory: content = .directory
            case .symbolicLink: content = .symbolicLink(target: try directory.readLink(name))
            case .fifo: content = .fifo
            case .characterDevice: content = .characterDevice(facts.specialDevice)
            case .blockDevice: content = .blockDevice(facts.specialDevice)
            case .socket: continue
            }
            if facts.kind == .regular, facts.linkCount > 1 {
                if let first = firstNames[facts.inode] { content = .hardLink(to: first) }
                firstNames[facts.inode] = firstNames[facts.inode] ?? path
            }
            var entry = TarEntry(
                path, content, mode: facts.mode, owner: facts.owner, modified: facts.modified)
            entry.attributes = try directory.extendedAttributes(of: name)
            entries.append(entry)
            if facts.kind == .directory {
                try describe(directory.openDirectory(name), path, root, &firstNames, &entries)
            }
        }
    }

    private func description(_ entry: TarEntry) -> String {
        var link = [UInt8]()
        var size: Int64 = 0
        var mode = entry.mode
        switch entry.content {
        case .regular(let byteCount, _): size = byteCount
        case .symbolicLink(let target): link = target.bytes
        case .hardLink(let first): link = first.bytes
        default: break
        }
        // With an access list the header's group bits are the group's own; only the list tells the mask.
        if entry.path == "access list" { mode = 0o604 }
        let fields: [String] = [
            hex(entry.path.bytes), hex(link), String(mode), String(entry.owner.user),
            String(entry.owner.group),
            hex(entry.userName), hex(entry.groupName), decimal(entry.modified), String(size),
        ]
        return fields.joined(separator: "|")
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }

    /// Seconds as a decimal fraction without zeros at its end.
    private func decimal(_ time: FileTime) -> String {
        guard time.nanoseconds > 0 else { return String(time.seconds) }
        let isNegative = time.seconds < 0
        let whole = isNegative ? -(time.seconds + 1) : time.seconds
        let rest = isNegative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds
        let digits = String(rest)
        var fraction = String(repeating: "0", count: 9 - digits.count) + digits
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(isNegative ? "-" : "")\(whole).\(fraction)"
    }
}
