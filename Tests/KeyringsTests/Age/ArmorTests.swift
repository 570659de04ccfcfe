import Sodium
import Testing

@testable import Keyrings

@Suite struct ArmorTests {
    private static let begin = "-----BEGIN AGE ENCRYPTED FILE-----\n"
    private static let end = "-----END AGE ENCRYPTED FILE-----\n"

    private static func decode(_ text: String, pieceByteCount: Int = .max) throws -> [UInt8] {
        var decoder = ArmorDecoder()
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieceByteCount))
            rest = rest.dropFirst(piece.count)
            bytes += try piece.withBytes { (piece) throws in try decoder.update(piece) }
        }
        return try bytes + decoder.finish()
    }

    @Test(arguments: [0, 1, 2, 3, 47, 48, 49, 95, 96, 97, 1_000])
    func `bytes of any length come back, in pieces of any size`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let text = String(decoding: Armor.encode(bytes), as: UTF8.self)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 64 })
        for pieceByteCount in [1, 2, 63, 64, 65, .max] {
            #expect(try Self.decode(text, pieceByteCount: pieceByteCount) == bytes)
            var encoder = ArmorEncoder()
            var again: [UInt8] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(pieceByteCount))
                rest = rest.dropFirst(piece.count)
                again += piece.withBytes { encoder.update($0) }
            }
            #expect(again + encoder.finish() == Array(text.utf8))
        }
        #expect(try Self.decode(text.replacing("\n", with: "\r\n")) == bytes)
        #expect(try Self.decode(" \n\t\r\n\u{B}\u{C}\n" + text + "\n \t\r\n") == bytes)
        #expect(try Self.decode(String(text.dropLast())) == bytes)
        #expect(Array(text.utf8).withBytes { Armor.isArmored($0) })
    }

    @Test func `armor cut anywhere is refused`() throws {
        let text = String(decoding: Armor.encode([UInt8](repeating: 1, count: 100)), as: UTF8.self)
        // The last line feed may be missing.
        for count in 0..<(text.utf8.count - 1) {
            #expect(ageCode { _ = try Self.decode(String(text.prefix(count))) } == .armor, "cut at \(count)")
        }
    }

    @Test func `what a flipped bit leaves readable is the one armor of its bytes`() throws {
        let text = Armor.encode([UInt8](repeating: 0x5A, count: 100))
        for bit in 0..<(text.count * 8) {
            var changed = text
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let bytes = try? Armor.decode(changed) else { continue }
            // The last line feed may become other white space.
            #expect(Armor.encode(bytes).dropLast() == changed.dropLast(), "bit \(bit)")
        }
    }

    @Test(arguments: [
        "", "\n", "AAAA\n", begin, begin + "AAAA\n", "x" + begin + "AAAA\n" + end,
        " " + begin + "AAAA\n" + end,
        begin + " AAAA\n" + end, begin + "AAAA \n" + end, begin + "AAAA\n\n" + end, begin + "\nAAAA\n" + end,
        begin + "AAA\n" + end, begin + "AA=\n" + end, begin + "AB==\n" + end, begin + "AAAA\nAAAA\n" + end,
        begin + "AA==\nAAAA\n" + end, begin + "AAAA\n " + end,
        begin + "AAAA\n-----END AGE ENCRYPTED FILE----- \n",
        begin + "AAAA\n" + end + "x", begin + "AAAA\n" + end + begin + "AAAA\n" + end,
        begin + "A: b\n\nAAAA\n" + end,
        begin + "AAAA\n=AAAA\n" + end, begin + "A\rAA\n" + end, begin + "AAAA\r\r\n" + end,
        "-----BEGIN AGE ENCRYPTED FILE-----\rAAAA\r" + end, begin.lowercased() + "AAAA\n" + end,
        begin + String(repeating: "A", count: 68) + "\n" + end, begin + "AA-_\n" + end,
    ])
    func `armor of any other form is refused`(text: String) {
        #expect(ageCode { _ = try Self.decode(text) } == .armor)
        #expect(ageCode { _ = try Self.decode(text, pieceByteCount: 1) } == .armor)
    }

    @Test func `white space around armor has a limit`() {
        let blank = String(repeating: "\n", count: 2_000)
        #expect(ageCode { _ = try Self.decode(blank + Self.begin + "AAAA\n" + Self.end) } == .armor)
        #expect(ageCode { _ = try Self.decode(Self.begin + "AAAA\n" + Self.end + blank) } == .armor)
        #expect(ageCode { _ = try Self.decode(String(repeating: " ", count: 1 << 20)) } == .armor)
        #expect(
            ageCode { _ = try Self.decode(Self.begin + String(repeating: "A", count: 1 << 20)) } == .armor)
    }
}
