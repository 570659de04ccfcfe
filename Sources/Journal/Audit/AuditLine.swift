internal import Encodings
internal import Sodium

/// The one form of a line (FORMAT.md §1): a flat JSON object without spaces, `index`, `time` and `event` first, then
/// the particulars in byte order of their keys, `hash` last.
enum AuditLine {
    /// Bytes of a line at most, its line feed included.
    static let byteLimit = 16 << 10
    /// Bytes of one particular at most.
    static let fieldLimit = 2 << 10
    private static let reserved: Set<String> = ["index", "time", "event", "hash"]

    /// The line of `event` after `last`, with its line feed. Throws `malformedRecord` for keys that can't stand
    /// there and for what is too long.
    static func bytes(
        _ event: AuditEvent, at time: Timestamp, after last: AuditHead, key: borrowing SecretBytes
    ) throws(JournalError) -> (bytes: [UInt8], head: AuditHead) {
        let index = last.index + 1
        var text =
            "{\"index\":\(index),\"time\":\(quoted("\(time)")),\"event\":\(quoted(event.kind.rawValue))"
        for (name, value) in event.fields.sorted(by: { $0.key < $1.key }) {
            guard isKey(name), !reserved.contains(name), value.utf8.count <= fieldLimit else {
                throw JournalError(.malformedRecord, "an audit event with a field that can't stand there")
            }
            text += ",\(quoted(name)):\(quoted(value))"
        }
        let hash = chain(last.hash, Array(text.utf8), key: key)
        let bytes = Array("\(text),\"hash\":\"\(Hex.encode(hash))\"}\n".utf8)
        guard bytes.count <= byteLimit else {
            throw JournalError(.malformedRecord, "an audit event that is too long for a line")
        }
        return (bytes, AuditHead(index: index, hash: hash))
    }

    /// h[n] = BLAKE2b-256(key, personalised `strongroom/audit`, h[n-1] ‖ the line up to its hash).
    static func chain(_ last: [UInt8], _ line: [UInt8], key: borrowing SecretBytes) -> [UInt8] {
        var stream = BLAKE2b.Stream(key: key, personal: "strongroom/audit")
        stream.update(last)
        stream.update(line)
        return stream.finish()
    }

    /// What a whole line without its line feed says, and the bytes that its hash is over. Takes exactly what
    /// `bytes` makes; nil for anything else.
    static func parse(_ line: [UInt8]) -> (entry: AuditEntry, hashed: [UInt8])? {
        var reader = LineReader(line)
        guard reader.take("{\"index\":"), let index = reader.number(), reader.take(",\"time\":"),
            let timeText = reader.string(), let time = try? Timestamp(rfc3339: timeText),
            time.description == timeText, reader.take(",\"event\":"), let event = reader.string()
        else { return nil }
        var fields: [String: String] = [:]
        var lastKey = ""
        while reader.take(",") {
            let start = reader.offset - 1
            guard let name = reader.string(), reader.take(":"), let value = reader.string() else {
                return nil
            }
            guard name != "hash" else {
                guard let hash = try? Hex.decode(value), hash.count == 32, reader.take("}"), reader.isAtEnd
                else { return nil }
                let entry = AuditEntry(index: index, time: time, event: event, fields: fields, hash: hash)
                return (entry, Array(line[..<start]))
            }
            guard isKey(name), !reserved.contains(name), name > lastKey else { return nil }
            fields[name] = value
            lastKey = name
        }
        return nil
    }

    private static func isKey(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, (0x61...0x7A).contains(first), bytes.count <= 32 else { return false }
        return bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) }
    }

    private static func quoted(_ text: String) -> String {
        var result: [UInt8] = [0x22]
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: result += [0x5C, byte]
            case 0..<0x20, 0x7F: result += Array("\\u00\(Hex.encode([byte]))".utf8)
            default: result.append(byte)
            }
        }
        return String(decoding: result + [0x22], as: UTF8.self)
    }
}

/// Reads a line from its start, strictly.
private struct LineReader {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    /// Whether `text` stands next; then it is passed over.
    mutating func take(_ text: StaticString) -> Bool {
        let wanted = Array("\(text)".utf8)
        guard bytes[offset...].starts(with: wanted) else { return false }
        offset += wanted.count
        return true
    }

    /// A decimal without leading zeros.
    mutating func number() -> UInt64? {
        let digits = bytes[offset...].prefix { (0x30...0x39).contains($0) }
        let text = String(decoding: digits, as: UTF8.self)
        guard let value = UInt64(text), String(value) == text else { return nil }
        offset += digits.count
        return value
    }

    /// A string in the one spelling that `AuditLine` writes.
    mutating func string() -> String? {
        guard take("\"") else { return nil }
        var content: [UInt8] = []
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case 0x22: return String(validating: content, as: UTF8.self)
            case 0..<0x20, 0x7F: return nil
            case 0x5C:
                guard let character = escape() else { return nil }
                content.append(character)
            default: content.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> UInt8? {
        guard offset < bytes.count else { return nil }
        let byte = bytes[offset]
        offset += 1
        if byte == 0x22 || byte == 0x5C { return byte }
        guard byte == 0x75, offset + 4 <= bytes.count, bytes[offset] == 0x30, bytes[offset + 1] == 0x30,
            let value = (try? Hex.decode(bytes[(offset + 2)..<(offset + 4)]))?.first,
            value < 0x20 || value == 0x7F
        else { return nil }
        offset += 4
        return value
    }
}
