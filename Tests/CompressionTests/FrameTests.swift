import Compression
import Testing

@Suite struct FrameTests {
    @Test(arguments: [0, 1, 100, 65_536, 3_000_000])
    func `content comes back as it was, at each level`(byteCount: Int) throws {
        let content = sample(byteCount)
        for level in [Compressor.levels.lowerBound / 1000, 1, 3, 12] {
            var compressor = try Compressor(level: level)
            var decompressor = try Decompressor()
            let frame = try compress(content, with: &compressor)
            #expect(try decompress(frame, with: &decompressor, limit: byteCount) == content)
        }
    }

    @Test func `content comes back as it was, however matches are sought`() throws {
        for matching in [(12, 5), (6, 7), (18, 4)].map({ Compressor.Matching(tableLog: $0, leastLength: $1) })
        {
            var compressor = try Compressor(level: 1, matching: matching)
            var decompressor = try Decompressor()
            let frame = try compress(sample(300_000), with: &compressor)
            #expect(try decompress(frame, with: &decompressor, limit: 300_000) == sample(300_000))
        }
        #expect(code { _ = try Compressor(matching: .init(tableLog: 99, leastLength: 5)) } == .badLevel)
    }

    @Test func `one context serves many frames, and each is the same as alone`() throws {
        var compressor = try Compressor()
        var decompressor = try Decompressor()
        for byteCount in [1000, 0, 50_000, 1000] {
            var fresh = try Compressor()
            let frame = try compress(sample(byteCount), with: &compressor)
            #expect(try frame == compress(sample(byteCount), with: &fresh))
            #expect(try decompress(frame, with: &decompressor, limit: 50_000) == sample(byteCount))
        }
    }

    @Test func `content above the limit is refused by the header alone`() throws {
        var compressor = try Compressor()
        let frame = try compress([UInt8](repeating: 0, count: 1_000_000), with: &compressor)
        #expect(
            code { _ = try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: 999_999) }
                == .tooLarge)
        #expect(try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: 1_000_000) == 1_000_000)
    }

    @Test func `a header that claims an enormous size takes no room`() throws {
        // Frame header of 8-byte content size (FCS flag 3, single segment): RFC 8878 §3.1.1.1.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0] + [UInt8](repeating: 0xFE, count: 8) + [1, 0, 0]
        #expect(
            code { _ = try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: Int.max) }
                == .tooLarge)
        #expect(
            code { _ = try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: -1) } == .tooLarge)
    }

    @Test func `a frame without a size is refused`() throws {
        // Window descriptor, no content size: one raw block, last, one byte.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x09, 0x00, 0x00, 0x41]
        #expect(
            code { _ = try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: 10) }
                == .noContentSize)
    }

    @Test func `skippable frames, trailing bytes and second frames are refused`() throws {
        var compressor = try Compressor()
        let frame = try compress(sample(100), with: &compressor)
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]
        for bytes in [skippable, skippable + frame, frame + [0], frame + frame, frame + skippable, []] {
            #expect(
                code { _ = try Decompressor.contentSize(of: unsafe bytes.span.bytes, limit: 1000) }
                    == .damaged)
        }
    }

    @Test func `every truncation is refused`() throws {
        var compressor = try Compressor()
        var decompressor = try Decompressor()
        let frame = try compress(sample(2000), with: &compressor)
        for count in 0..<frame.count {
            let cut = Array(frame.prefix(count))
            #expect(throws: CompressionError.self) {
                _ = try decompress(cut, with: &decompressor, limit: 2000)
            }
        }
    }

    @Test func `no flipped bit makes a crash or more bytes than announced`() throws {
        var compressor = try Compressor()
        var decompressor = try Decompressor()
        let frame = try compress(sample(500), with: &compressor)
        for bit in 0..<(frame.count * 8) {
            var flipped = frame
            flipped[bit / 8] ^= 1 << (bit % 8)
            let found = try? decompress(flipped, with: &decompressor, limit: 500)
            #expect(found.map { $0.count <= 500 } ?? true)
        }
        #expect(try decompress(frame, with: &decompressor, limit: 500) == sample(500))
    }

    @Test func `room that doesn't fit is refused`() throws {
        var compressor = try Compressor()
        var decompressor = try Decompressor()
        let content = sample(1000)
        var small = [UInt8](repeating: 0, count: 4)
        #expect(
            code {
                var span = small.mutableSpan
                var room = unsafe span.mutableBytes
                _ = try compressor.compress(unsafe content.span.bytes, into: &room)
            } == .wrongRoom)
        let frame = try compress(content, with: &compressor)
        var large = [UInt8](repeating: 0, count: 1001)
        #expect(
            code {
                var span = large.mutableSpan
                var room = unsafe span.mutableBytes
                try decompressor.decompress(unsafe frame.span.bytes, into: &room)
            } == .wrongRoom)
    }

    @Test func `a level that doesn't exist is refused`() {
        #expect(code { _ = try Compressor(level: 23) } == .badLevel)
        #expect(code { _ = try Compressor(level: Int.min) } == .badLevel)
    }

    private func sample(_ byteCount: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<byteCount).map { index in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return index % 3 == 0 ? UInt8(truncatingIfNeeded: state) : UInt8(truncatingIfNeeded: index / 50)
        }
    }

    private func compress(_ content: [UInt8], with compressor: inout Compressor) throws -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: Compressor.bound(content.count))
        var span = frame.mutableSpan
        var room = unsafe span.mutableBytes
        let count = try compressor.compress(unsafe content.span.bytes, into: &room)
        return Array(frame.prefix(count))
    }

    private func decompress(
        _ frame: [UInt8], with decompressor: inout Decompressor, limit: Int
    ) throws -> [UInt8] {
        let size = try Decompressor.contentSize(of: unsafe frame.span.bytes, limit: limit)
        var content = [UInt8](repeating: 0, count: size)
        var span = content.mutableSpan
        var room = unsafe span.mutableBytes
        try decompressor.decompress(unsafe frame.span.bytes, into: &room)
        return content
    }

    private func code(_ body: () throws -> Void) -> CompressionError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CompressionError)?.code
        }
    }
}
