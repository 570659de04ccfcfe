import Files
import Tar
import Testing

@Suite struct TarArchiveTests {
    private let entries = [
        Sample.file("a", byteCount: 1), Sample.file("b", byteCount: 512),
        Sample.file("c", byteCount: 100_000),
        Sample.entry("d", .directory), Sample.sparse[1], Sample.file("e"),
    ]

    @Test(arguments: [1, 512, 1000, 1 << 20])
    func `an archive gives back entries and content, whatever the pieces`(step: Int) throws {
        var reader = try Sample.reader(of: Sample.archive(entries), step: step)
        var found = [TarEntry]()
        while let entry = try reader.next() {
            found.append(entry)
            var count: Int64 = 0
            while let piece = try reader.nextData() {
                #expect(piece.bytes.allSatisfy { $0 == 0x2A })
                count += Int64(piece.bytes.count)
            }
            #expect(count == entry.storedByteCount)
        }
        #expect(found == entries)
    }

    @Test func `content may be passed over`() throws {
        var reader = try Sample.reader(of: Sample.archive(entries))
        var found = [TarEntry]()
        while let entry = try reader.next() { found.append(entry) }
        #expect(found == entries)
    }

    @Test func `content that is longer or shorter than announced is refused`() throws {
        var writer = TarWriter { _ in }
        try writer.begin(Sample.file("a", byteCount: 2))
        let bytes: [UInt8] = [1, 2, 3]
        #expect(code { try writer.write(unsafe bytes.span.bytes) } == .wrongLength)
        #expect(code { try writer.begin(Sample.file("b")) } == .wrongLength)
        do {
            try writer.finish()
            Issue.record("an unfinished member was ended")
        } catch {
            #expect(error.code == .wrongLength)
        }
    }

    @Test func `every truncation is told`() throws {
        let archive = try Sample.archive([Sample.file("a", byteCount: 600), Sample.all[6]])
        for count in 0..<archive.count {
            #expect(throws: TarError.self, "\(count)") { try drain(Array(archive.prefix(count))) }
        }
        try drain(archive)
    }

    @Test func `bytes after the end are told, zeros are not`() throws {
        let archive = try Sample.archive([Sample.file("a", byteCount: 600)])
        try drain(archive + [UInt8](repeating: 0, count: 8192))
        #expect(code { try drain(archive + [1]) } == .damaged)
        #expect(code { try drain(archive + archive) } == .damaged)
    }

    @Test func `other formats, filters and kinds are refused`() throws {
        let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let cpio = Array(
            "0707070000010000020001000000000000000000010000000000000000000000000000000000000000".utf8)
        let zip = [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 600)
        for bytes in [gzip, cpio, zip, Array("text".utf8)] {
            #expect(throws: TarError.self) { try drain(bytes) }
        }
        #expect(throws: TarError.self) { try drain([]) }
    }

    @Test func `a source that fails is told with its reason`() throws {
        struct Broken: Error {}
        do {
            var reader = try TarReader { throw Broken() }
            _ = try reader.next()
            Issue.record("read from a broken source")
        } catch {
            #expect(error.code == .transfer)
            #expect(error.underlying is Broken)
        }
    }

    private func drain(_ bytes: [UInt8]) throws {
        var reader = try Sample.reader(of: bytes)
        while try reader.next() != nil { while try reader.nextData() != nil {} }
    }
}
