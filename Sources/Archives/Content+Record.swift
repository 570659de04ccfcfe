import Sodium

// How an agent keeps a content in a file of its own machine: with whole ids, little-endian, not a part of the store's
// format. What is read back is believed only as far as the store holds it (`StoreWriter.holds`).

extension Content {
    private enum Form {
        static let segments: UInt8 = 1
        static let tree: UInt8 = 2
        static let hole: UInt8 = 0
        static let chunk: UInt8 = 1
    }

    /// Appends the content to a local record.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(little: byteCount)
        switch storage {
        case .segments(let segments):
            bytes.append(Form.segments)
            bytes.append(UInt8(segments.count))
            for segment in segments {
                switch segment {
                case .hole(let byteCount):
                    bytes.append(Form.hole)
                    bytes.append(little: byteCount)
                case .chunk(let id, let offset, let byteCount):
                    bytes.append(Form.chunk)
                    bytes.append(little: id.keyNumber)
                    bytes.append(id.hash)
                    bytes.append(little: offset)
                    bytes.append(little: byteCount)
                }
            }
        case .tree(let node):
            bytes.append(Form.tree)
            bytes.append(little: node.keyNumber)
            bytes.append(node.hash)
        }
    }

    /// The content in a local record; nil for bytes that are none.
    package init?(record reader: inout RecordReader) {
        guard let byteCount = reader.number(UInt64.self), let form = reader.number(UInt8.self) else {
            return nil
        }
        switch form {
        case Form.segments:
            guard let count = reader.number(UInt8.self), count <= Content.inlineLimit else { return nil }
            var segments: [Segment] = []
            segments.reserveCapacity(Int(count))
            var sum: UInt64 = 0
            for _ in 0..<count {
                guard let segment = Content.segment(from: &reader), segment.byteCount > 0 else { return nil }
                sum &+= segment.byteCount
                segments.append(segment)
            }
            guard sum == byteCount else { return nil }
            self.init(byteCount: byteCount, storage: .segments(segments))
        case Form.tree:
            guard let number = reader.number(UInt32.self), number > 0, let hash = reader.digest() else {
                return nil
            }
            self.init(byteCount: byteCount, storage: .tree(NodeID(keyNumber: number, hash: hash)))
        default: return nil
        }
    }

    private static func segment(from reader: inout RecordReader) -> Segment? {
        switch reader.number(UInt8.self) {
        case Form.hole: return reader.number(UInt64.self).map { .hole($0) }
        case Form.chunk:
            guard let number = reader.number(UInt32.self), number > 0, let hash = reader.digest(),
                let offset = reader.number(UInt32.self), let byteCount = reader.number(UInt32.self)
            else { return nil }
            return .chunk(ChunkID(keyNumber: number, hash: hash), offset: offset, byteCount: byteCount)
        default: return nil
        }
    }
}

/// Reads local records; never past the end.
package struct RecordReader {
    private let bytes: [UInt8]
    /// The next unread byte's place.
    package private(set) var offset = 0

    /// A reader over `bytes`.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether all was read.
    package var isAtEnd: Bool { offset == bytes.count }

    /// A little-endian number; nil where the bytes end before.
    package mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) -> Number?
    {
        let size = MemoryLayout<Number>.size
        guard bytes.count - offset >= size else { return nil }
        defer { offset += size }
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe Number(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }

    /// 32 bytes; nil where there are fewer.
    package mutating func digest() -> Digest? {
        guard bytes.count - offset >= 32 else { return nil }
        defer { offset += 32 }
        return bytes.withBytes { Digest($0, at: offset) }
    }

    /// The place of `count` bytes, which are passed over; nil where there are fewer.
    package mutating func range(_ count: Int) -> Range<Int>? {
        guard count >= 0, bytes.count - offset >= count else { return nil }
        defer { offset += count }
        return offset..<(offset + count)
    }

    /// The bytes of a range that `range` gave.
    package subscript(range: Range<Int>) -> ArraySlice<UInt8> { bytes[range] }
}

extension Array<UInt8> {
    /// Appends a number to a local record, little-endian.
    package mutating func append<Number: FixedWidthInteger>(little value: Number) {
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// Appends the 32 bytes of a digest to a local record.
    package mutating func append(_ digest: Digest) {
        let words = digest.words
        for word in [words.0, words.1, words.2, words.3] {
            unsafe Swift.withUnsafeBytes(of: word.bigEndian) { unsafe append(contentsOf: $0) }
        }
    }
}
