/// A small zlib reader (RFC 1950, RFC 1951) for the vectors that are stored compressed. Traps on bad input.
struct Inflate {
    private let input: [UInt8]
    private var position = 2
    private var bits: UInt32 = 0
    private var bitCount: UInt32 = 0
    private var output: [UInt8] = []

    /// The bytes that the zlib stream `input` holds; its checksum is left to the vectors' own digests.
    static func zlib(_ input: [UInt8]) -> [UInt8] {
        var inflate = Inflate(input: input)
        return inflate.run()
    }

    private init(input: [UInt8]) { self.input = input }

    private mutating func run() -> [UInt8] {
        var isLast = false
        while !isLast {
            isLast = take(1) == 1
            switch take(2) {
            case 0: stored()
            case 1: fixed()
            case 2: dynamic()
            default: preconditionFailure("block type")
            }
        }
        return output
    }

    private mutating func take(_ count: Int) -> Int {
        while bitCount < UInt32(count) {
            bits |= UInt32(input[position]) << bitCount
            position += 1
            bitCount += 8
        }
        let value = bits & ((1 << UInt32(count)) - 1)
        bits >>= UInt32(count)
        bitCount -= UInt32(count)
        return Int(value)
    }

    private mutating func stored() {
        (bits, bitCount) = (0, 0)
        let count = Int(input[position]) | Int(input[position + 1]) << 8
        output += input[(position + 4)..<(position + 4 + count)]
        position += 4 + count
    }

    private mutating func fixed() {
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        compressed(Code(lengths), Code([Int](repeating: 5, count: 30)))
    }

    private mutating func dynamic() {
        let literalCount = take(5) + 257
        let distanceCount = take(5) + 1
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<(take(4) + 4) { lengths[order[index]] = take(3) }
        let code = Code(lengths)
        var all: [Int] = []
        while all.count < literalCount + distanceCount {
            switch symbol(code) {
            case 16: all += [Int](repeating: all[all.count - 1], count: take(2) + 3)
            case 17: all += [Int](repeating: 0, count: take(3) + 3)
            case 18: all += [Int](repeating: 0, count: take(7) + 11)
            case let length: all.append(length)
            }
        }
        compressed(Code(Array(all[..<literalCount])), Code(Array(all[literalCount...])))
    }

    private mutating func compressed(_ literals: Code, _ distances: Code) {
        let lengthBase = [
            3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
            163, 195,
            227, 258,
        ]
        let lengthBits = [
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
        ]
        let distanceBase = [
            1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
            3073,
            4097, 6145, 8193, 12289, 16385, 24577,
        ]
        while true {
            let value = symbol(literals)
            if value == 256 { return }
            if value < 256 {
                output.append(UInt8(value))
                continue
            }
            let length = lengthBase[value - 257] + take(lengthBits[value - 257])
            let slot = symbol(distances)
            let distance = distanceBase[slot] + take(max(0, slot / 2 - 1))
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    private mutating func symbol(_ code: Code) -> Int {
        var value = 0
        var first = 0
        var index = 0
        for length in 1...15 {
            value |= take(1)
            let count = code.counts[length]
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        preconditionFailure("code")
    }

    /// A canonical prefix code by its lengths.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(_ lengths: [Int]) {
            for length in 1...15 {
                for (symbol, own) in lengths.enumerated() where own == length {
                    counts[length] += 1
                    symbols.append(symbol)
                }
            }
        }
    }
}
