internal import Encodings
internal import Sodium

/// Finds secrets in texts that are to be shown: the values of a tree as they are, in base64, hexadecimal, with the
/// escapes of JSON and of URLs (CASES.md F063, F065).
///
/// Nothing of a value is kept: only keyed digests of every run of eight bytes in it. Whatever such a run begins is
/// taken out of the text, so that a part of a value is found as well as the whole.
final class SecretIndex: Sendable {
    private let windows: Set<Int>
    /// Values shorter than a window, by their digest, with their lengths.
    private let shorts: Set<Int>
    private let shortLengths: [Int]
    /// Whether a text can't be judged: a value is too short to be told from chance, or there are too many.
    let isBlind: Bool

    private static let windowLength = 8
    private static let shortestLength = 4
    /// Bytes of all values together, in one form.
    private static let byteLimit = 4 << 20

    /// An index of the secrets of `tree`. Opens them, one after the other.
    convenience init(_ tree: OpenedTree) throws(DeliveryError) { try self.init(of: tree.secrets) }

    /// An index of the secrets in `files`.
    convenience init(of files: [OpenedFile]) throws(DeliveryError) {
        var builder = Builder()
        for file in files {
            try file.forEachSecret { (value) throws(DeliveryError) in builder.add(value) }
        }
        self.init(builder)
    }

    private init(_ builder: Builder) {
        windows = builder.windows
        shorts = builder.shorts
        shortLengths = builder.shortLengths.sorted()
        isBlind = builder.isBlind
    }

    /// `text` with every secret replaced by `[redacted]`, and what is no printable ASCII by a point, line breaks aside.
    func redacted(_ text: RawSpan) -> String {
        guard !isBlind else { return "(output withheld)" }
        var isSecret = [Bool](repeating: false, count: text.byteCount)
        func mark(_ start: Int, _ count: Int) {
            for place in start..<(start + count) { isSecret[place] = true }
        }
        for start in 0..<text.byteCount {
            let left = text.byteCount - start
            if left >= SecretIndex.windowLength,
                windows.contains(SecretIndex.digest(text, start, SecretIndex.windowLength))
            {
                mark(start, SecretIndex.windowLength)
            }
            for length in shortLengths where left >= length {
                if shorts.contains(SecretIndex.digest(text, start, length)) { mark(start, length) }
            }
        }
        var shown = ""
        for place in 0..<text.byteCount {
            if isSecret[place] {
                if place == 0 || !isSecret[place - 1] { shown += "[redacted]" }
                continue
            }
            let byte = text[place]
            let isShown = (0x20..<0x7F).contains(byte) || byte == 0x0A
            shown.unicodeScalars.append(Unicode.Scalar(isShown ? byte : 0x2E))
        }
        return shown
    }

    /// Whether a secret, or a part of one, is in `text`; where texts can't be judged, none is found.
    func finds(in text: [UInt8]) -> Bool {
        guard !isBlind else { return false }
        return text.withBytes { redacted($0) }.contains("[redacted]")
    }

    /// Keyed by the process's random seed: what the set holds says nothing about the values.
    private static func digest(_ bytes: RawSpan, _ start: Int, _ count: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(count)
        for place in start..<(start + count) { hasher.combine(bytes[place]) }
        return hasher.finalize()
    }

    private struct Builder {
        var windows: Set<Int> = []
        var shorts: Set<Int> = []
        var shortLengths: Set<Int> = []
        var isBlind = false
        private var byteCount = 0

        mutating func add(_ value: RawSpan) {
            let trimmed = value.extracting(Builder.trimmed(value))
            guard trimmed.byteCount > 0, !isBlind else { return }
            byteCount += trimmed.byteCount
            guard trimmed.byteCount >= SecretIndex.shortestLength, byteCount <= SecretIndex.byteLimit else {
                isBlind = true
                return
            }
            index(trimmed)
            transformed(trimmed, 2) { byte, writer in
                writer.put(Builder.digit(byte >> 4), Builder.digit(byte & 15))
            }
            transformed(trimmed, 2) { byte, writer in
                writer.put(Builder.capital(byte >> 4), Builder.capital(byte & 15))
            }
            transformed(trimmed, 6) { byte, writer in Builder.escape(byte, &writer) }
            transformed(trimmed, 3) { byte, writer in Builder.percentEncode(byte, &writer) }
            for alphabet in [Base64.unpadded, Base64.url] {
                for lead in 0..<3 { encoded(trimmed, alphabet, lead: lead) }
            }
        }

        /// Without the spaces and line breaks at both ends: what prints a value seldom prints those.
        private static func trimmed(_ value: RawSpan) -> Range<Int> {
            var (start, end) = (0, value.byteCount)
            func isBlank(_ byte: UInt8) -> Bool {
                byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
            }
            while start < end, isBlank(value[start]) { start += 1 }
            while end > start, isBlank(value[end - 1]) { end -= 1 }
            return start..<end
        }

        private mutating func index(_ text: RawSpan) {
            guard text.byteCount >= SecretIndex.windowLength else {
                guard text.byteCount >= SecretIndex.shortestLength else { return }
                shorts.insert(SecretIndex.digest(text, 0, text.byteCount))
                shortLengths.insert(text.byteCount)
                return
            }
            for start in 0...(text.byteCount - SecretIndex.windowLength) {
                windows.insert(SecretIndex.digest(text, start, SecretIndex.windowLength))
            }
        }

        /// Indexes the value with `body`'s bytes, at most `factor`, in the place of each of its own.
        private mutating func transformed(
            _ value: RawSpan, _ factor: Int, _ body: (UInt8, inout Writer) -> Void
        ) {
            var writer = Writer(byteCount: value.byteCount * factor)
            for offset in 0..<value.byteCount { body(value[offset], &writer) }
            writer.buffer.withBytes(first: writer.count) { index($0) }
        }

        /// Bytes put one after the other into memory that is wiped.
        struct Writer: ~Copyable {
            var buffer: WipedBuffer
            var count = 0

            init(byteCount: Int) { buffer = WipedBuffer(byteCount: byteCount) }

            mutating func put(_ bytes: UInt8...) {
                for byte in bytes {
                    buffer.withMutableBytes(first: count + 1) { output in
                        output.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
                    }
                    count += 1
                }
            }
        }

        /// The base64 of the value as it stands in a longer text, `lead` bytes after a group of three began.
        private mutating func encoded(_ value: RawSpan, _ alphabet: Base64, lead: Int) {
            var plain = WipedBuffer(byteCount: value.byteCount + lead)
            plain.withMutableBytes(first: plain.byteCount) { value.copy(into: &$0, at: lead) }
            let count = alphabet.encodedCount(plain.byteCount)
            var text = WipedBuffer(byteCount: count)
            plain.withBytes(first: plain.byteCount) { plain in
                text.withMutableBytes(first: count) { alphabet.encode(plain, into: &$0) }
            }
            // The first characters also tell what came before, the last what comes after.
            let start = [0, 2, 3][lead]
            let end = (value.byteCount + lead) % 3 == 0 ? count : count - 1
            guard start < end else { return }
            text.withBytes(first: end) { index($0.extracting(start..<end)) }
        }

        private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        private static func capital(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

        /// As RFC 8259 §7 has it, in its shortest form.
        private static func escape(_ byte: UInt8, _ writer: inout Writer) {
            switch byte {
            case 0x22, 0x5C: writer.put(0x5C, byte)
            case 0x0A: writer.put(0x5C, 0x6E)
            case 0x0D: writer.put(0x5C, 0x72)
            case 0x09: writer.put(0x5C, 0x74)
            case 0x08: writer.put(0x5C, 0x62)
            case 0x0C: writer.put(0x5C, 0x66)
            case ..<0x20: writer.put(0x5C, 0x75, 0x30, 0x30, digit(byte >> 4), digit(byte & 15))
            default: writer.put(byte)
            }
        }

        /// As RFC 3986 §2.1 has it, all but the unreserved.
        private static func percentEncode(_ byte: UInt8, _ writer: inout Writer) {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: writer.put(byte)
            default: writer.put(0x25, capital(byte >> 4), capital(byte & 15))
            }
        }
    }
}
