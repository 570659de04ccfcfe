import Files
import Tar
import Testing

@Suite struct TarHeaderTests {
    @Test(arguments: Sample.all)
    func `every entry comes back from its header as it was`(entry: TarEntry) throws {
        let header = try TarHeader.encode(entry)
        #expect(header.count % 512 == 0)
        #expect(try TarHeader.decode(header) == entry)
        #expect(try TarHeader.encode(entry) == header)
    }

    @Test func `the last second before 1970 loses its nanoseconds and nothing else`() throws {
        var entry = Sample.file("file")
        entry.modified = FileTime(seconds: -1, nanoseconds: 250_000_000)
        #expect(try TarHeader.decode(TarHeader.encode(entry)).modified == FileTime(seconds: -1))
    }

    @Test func `what the format can't say is refused, not bent`() throws {
        var entries = [
            Sample.file(""), Sample.file(Path([0x61, 0, 0x62])), Sample.entry("l", .symbolicLink(target: "")),
            Sample.entry("h", .hardLink(to: "")), Sample.file("negative", byteCount: -1),
        ]
        let maps = [
            [FileExtent(offset: 50, byteCount: 51)], [FileExtent(offset: -1, byteCount: 5)],
            [FileExtent(offset: 10, byteCount: 10), FileExtent(offset: 5, byteCount: 10)],
            [FileExtent(offset: Int64.max, byteCount: Int64.max)], [FileExtent(offset: 5, byteCount: 0)],
        ]
        entries += maps.map { Sample.entry("sparse", .regular(byteCount: 100, extents: $0)) }
        for entry in entries {
            #expect(code { _ = try TarHeader.encode(entry) } == .notRepresentable, "\(entry)")
        }
    }

    @Test(arguments: [Sample.file("plain"), Sample.all[6], Sample.sparse[0], Sample.listed[0]])
    func `no truncation, trailing byte or flipped bit parses to another header`(entry: TarEntry) throws {
        let header = try TarHeader.encode(entry)
        for count in 0..<header.count {
            #expect(throws: TarError.self) { try TarHeader.decode(Array(header.prefix(count))) }
        }
        #expect(throws: TarError.self) { try TarHeader.decode(header + [0]) }
        #expect(throws: TarError.self) { try TarHeader.decode(header + [UInt8](repeating: 0, count: 512)) }
        #expect(throws: TarError.self) { try TarHeader.decode(header + header) }
        for bit in stride(from: 0, to: header.count * 8, by: 3) {
            var flipped = header
            flipped[bit / 8] ^= 1 << (bit % 8)
            guard let found = try? TarHeader.decode(flipped) else { continue }
            #expect(try TarHeader.encode(found) == flipped)
        }
    }
}
