import Files
import Glibc
import Support
import Testing

@Suite struct MetadataTests {
    let scratch = TemporaryDirectory("files")

    @Test(arguments: [
        FileTime(seconds: 0), FileTime(seconds: -1, nanoseconds: 999_999_999),
        FileTime(seconds: 1_700_000_000, nanoseconds: 123_456_789),
    ])
    func `times keep their nanoseconds, on files, directories and links`(time: FileTime) throws {
        let directory = try openScratch(scratch)
        try directory.writeNew([1], to: "file")
        try directory.makeDirectory("directory")
        try directory.makeSymbolicLink("link", to: "file")
        var metadata = try directory.metadata(of: "file")
        let before = metadata.modified
        metadata.modified = time
        for name: Path in ["directory", "link"] {
            try directory.apply(metadata, .modified, to: name)
            #expect(try directory.metadata(of: name).modified == time)
        }
        #expect(try directory.metadata(of: "file").modified == before)
        try directory.openFile("file").setModified(time)
        #expect(try directory.metadata(of: "file").modified == time)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `owner, set-id bits, attributes and time all hold after one apply`() throws {
        let directory = try openScratch(scratch)
        try directory.writeNew([1], to: "file")
        var metadata = try directory.metadata(of: "file")
        metadata.owner = FileOwner(user: 4_294_967_294, group: 1234)
        metadata.mode = 0o6750
        metadata.modified = FileTime(seconds: 1 << 33, nanoseconds: 1)
        let attribute = ExtendedAttribute(name: "user.note", value: [0, 1, 2, 255])
        try directory.apply(
            metadata, attributes: [attribute], [.owner, .permissions, .setIdentity, .modified], to: "file")
        let found = try directory.metadata(of: "file")
        #expect(found.owner == metadata.owner)
        #expect(found.mode == 0o6750)
        #expect(found.modified == metadata.modified)
        #expect(try directory.extendedAttributes(of: "file") == [attribute])
        try directory.apply(metadata, .permissions, to: "file")
        #expect(try directory.metadata(of: "file").mode == 0o750)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `a link has an owner and attributes of its own`() throws {
        let directory = try openScratch(scratch)
        try directory.writeNew([1], to: "file")
        try directory.makeSymbolicLink("link", to: "file")
        var metadata = try directory.metadata(of: "link")
        metadata.owner = FileOwner(user: 12, group: 34)
        let attribute = ExtendedAttribute(name: "trusted.note", value: [1])
        try directory.apply(metadata, attributes: [attribute], [.owner, .permissions], to: "link")
        #expect(try directory.metadata(of: "link").owner == metadata.owner)
        #expect(try directory.extendedAttributes(of: "link") == [attribute])
        #expect(try directory.metadata(of: "file").owner.user == 0)
        #expect(try directory.extendedAttributes(of: "file") == [])
    }

    @Test func `attributes come in order, empty values included`() throws {
        let directory = try openScratch(scratch)
        try directory.writeNew([1], to: "file")
        let given = [
            ExtendedAttribute(name: "user.a", value: []), ExtendedAttribute(name: "user.b", value: [0]),
            ExtendedAttribute(name: Path(Array("user.".utf8) + [0xFF]), value: Array("v".utf8)),
        ]
        for attribute in given.reversed() { try directory.setExtendedAttribute(attribute, of: "file") }
        #expect(try directory.extendedAttributes(of: "file") == given)
    }

    @Test func `holes are found, and a plain file has none`() throws {
        let directory = try openScratch(scratch)
        let file = try directory.createFile("sparse")
        let block = [UInt8](repeating: 1, count: 65536)
        try file.truncate(to: 1 << 40)
        try file.seek(to: 1 << 20)
        try file.write(block)
        try file.seek(to: 1 << 30)
        try file.write(block)
        #expect(
            try file.dataExtents() == [
                FileExtent(offset: 1 << 20, byteCount: 65536), FileExtent(offset: 1 << 30, byteCount: 65536),
            ])
        #expect(try file.metadata().maySparse)
        try directory.writeNew(block, to: "plain")
        #expect(try directory.openFile("plain").dataExtents() == [FileExtent(offset: 0, byteCount: 65536)])
        try directory.writeNew([], to: "empty")
        #expect(try directory.openFile("empty").dataExtents() == [])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `device nodes keep their numbers`() throws {
        let directory = try openScratch(scratch)
        let number = DeviceNumber(major: 1, minor: 3)
        try directory.makeSpecialFile("null", .characterDevice, mode: 0o666, device: number)
        let found = try directory.metadata(of: "null")
        #expect(found.kind == .characterDevice)
        #expect(found.specialDevice == number)
        #expect(found.mode == 0o666)
    }

    @Test func `a missing name is nil or an error, as asked`() throws {
        let directory = try openScratch(scratch)
        #expect(try directory.metadataIfPresent(of: "none") == nil)
        #expect(try directory.metadataIfPresent(of: "none/below") == nil)
        #expect(code { _ = try directory.metadata(of: "none") } == .notFound)
    }
}
