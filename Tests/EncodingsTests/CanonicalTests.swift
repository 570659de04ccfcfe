import Testing

@testable import Encodings

@Suite struct CanonicalTests {
    /// One value of each kind.
    private struct Record: Equatable {
        var bytes: [UInt8]
        var text: String
        var numbers: (UInt8, UInt16, UInt32, UInt64)
        var list: [[UInt8]]
        var fixed: [UInt8]

        static func == (left: Record, right: Record) -> Bool {
            left.bytes == right.bytes && Array(left.text.utf8) == Array(right.text.utf8)
                && left.numbers == right.numbers && left.list == right.list && left.fixed == right.fixed
        }

        var encoded: [UInt8] {
            var writer = CanonicalWriter()
            writer.lp(bytes)
            writer.text(text)
            writer.uint8(numbers.0)
            writer.uint16(numbers.1)
            writer.uint32(numbers.2)
            writer.uint64(numbers.3)
            writer.count(list.count)
            for item in list { writer.lp(item) }
            writer.raw(fixed)
            return writer.bytes
        }

        init(_ encoded: [UInt8]) throws(EncodingError) {
            var reader = CanonicalReader(encoded, "record")
            bytes = try reader.lp()
            text = try reader.text()
            numbers = (try reader.uint8(), try reader.uint16(), try reader.uint32(), try reader.uint64())
            list = []
            for _ in 0..<(try reader.count(itemSize: 4)) { list.append(try reader.lp()) }
            fixed = try reader.raw(3)
            try reader.end()
        }

        init(seed: Int) {
            var generator = Generator(state: UInt64(seed))
            bytes = generator.bytes(upTo: 20)
            text =
                String(decoding: generator.bytes(upTo: 10).map { $0 & 0x7F }, as: UTF8.self)
                + ["é", "e\u{301}", "\r\n"][seed % 3]
            numbers = (
                .random(in: 0...255, using: &generator), 0x0102, .max,
                .random(in: 0...(.max), using: &generator)
            )
            list = (0..<(seed % 4)).map { _ in generator.bytes(upTo: 5) }
            fixed = [1, 2, 3]
        }
    }

    /// A small fixed generator (SplitMix64), so that a failure can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }

        mutating func bytes(upTo limit: Int) -> [UInt8] {
            (0..<Int.random(in: 0...limit, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
        }
    }

    @Test func `the layout is the described one`() {
        var writer = CanonicalWriter()
        writer.text("ab")
        writer.uint64(0x0102_0304_0506_0708)
        writer.count(2)
        writer.lp([])
        writer.uint16(0xFFFE)
        #expect(
            writer.bytes == [
                0, 0, 0, 2, 0x61, 0x62, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0xFF, 0xFE,
            ])
    }

    @Test func `records come back, and text is not normalised`() throws {
        for seed in 0..<200 {
            let record = Record(seed: seed)
            #expect(try Record(record.encoded) == record)
        }
    }

    @Test func `every truncation and every spare byte is refused`() throws {
        for seed in 0..<20 {
            let encoded = Record(seed: seed).encoded
            for count in 0..<encoded.count {
                #expect(code { _ = try Record(Array(encoded[..<count])) } == .truncated)
            }
            #expect(code { _ = try Record(encoded + [0]) } == .trailingBytes)
        }
    }

    @Test func `what parses after a flipped bit encodes to the same bytes`() {
        for seed in 0..<20 {
            let encoded = Record(seed: seed).encoded
            for bit in 0..<(encoded.count * 8) {
                var changed = encoded
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let record = try? Record(changed) else { continue }
                #expect(record.encoded == changed)
            }
        }
    }

    @Test func `lengths and counts beyond the bytes allocate nothing and are refused`() {
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 1]
        var reader = CanonicalReader(huge, "test")
        #expect(code { _ = try reader.lp(limit: .max) } == .truncated)
        reader = CanonicalReader(huge, "test")
        #expect(code { _ = try reader.lp() } == .limitExceeded)
        reader = CanonicalReader(huge, "test")
        #expect(code { _ = try reader.count() } == .truncated)
        reader = CanonicalReader(huge, "test")
        #expect(code { _ = try reader.raw(6) } == .truncated)
        #expect(code { _ = try reader.raw(-1) } == .truncated)
        #expect(code { _ = try reader.raw(.max) } == .truncated)
        #expect(reader.remaining == 5)
        reader = CanonicalReader([0, 0, 0, 2, 0xC3, 0x28], "test")
        #expect(code { _ = try reader.text() } == .invalidCharacter)
        reader = CanonicalReader([0, 0, 0, 3, 1, 2, 3], "test")
        #expect(code { _ = try reader.lp(limit: 2) } == .limitExceeded)
    }
}
