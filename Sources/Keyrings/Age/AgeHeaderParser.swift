internal import Encodings
internal import Sodium

/// Reads an age header from pieces of any size, a line at a time, and says where the payload begins.
///
/// Strict (C2SP age.md, "ABNF definition of file header"): what is not the one encoding of its content is
/// refused at the line where it is met, what is too long at the byte.
package struct AgeHeaderParser: Sendable {
    /// The header, when its last line has been read.
    package private(set) var header: AgeHeader?

    private var received: [UInt8] = []
    private var lineStart = 0
    private var stanzas: [Stanza] = []
    /// The stanza whose body is being read: its type and arguments.
    private var opened: [String]?
    private var body: [UInt8] = []

    /// A parser that has read nothing.
    package init() {}

    /// Reads on in `bytes` and returns how many of them belong to the header; fewer than all only where it has
    /// ended. Throws `header`, `version` or `limit`.
    package mutating func push(_ bytes: RawSpan) throws(AgeError) -> Int {
        var offset = 0
        while header == nil, offset < bytes.byteCount {
            guard received.count < AgeHeader.byteLimit else {
                throw AgeError(.limit, "header above \(AgeHeader.byteLimit) bytes")
            }
            let byte = bytes[offset]
            offset += 1
            received.append(byte)
            // A file of another kind is told by its first bytes, however long its first line.
            if lineStart == 0 { try checkIntro() }
            guard byte == 0x0A else { continue }
            if lineStart > 0 { try take(Array(received[lineStart..<(received.count - 1)])) }
            lineStart = received.count
        }
        return offset
    }

    /// The header. Throws `header` where the input ended inside it.
    package func finish() throws(AgeError) -> AgeHeader {
        guard let header else { throw AgeError(.header, "ends inside the header") }
        return header
    }

    /// Checks the first line as far as it has been read.
    private func checkIntro() throws(AgeError) {
        guard !received.elementsEqual(AgeHeader.intro.prefix(received.count)) else { return }
        let name = AgeHeader.intro.prefix { $0 != 0x2F } + [0x2F]
        guard received.starts(with: name), received.count <= 64 else {
            throw AgeError(.header, "no age file")
        }
        guard received.last == 0x0A else { return }
        let version = received[name.count...].dropLast()
        guard Stanza.isArgument(version) else { throw AgeError(.header, "malformed version line") }
        throw AgeError(.version, "another version of age files than v1")
    }

    /// Takes one whole line after the first, without its line end.
    private mutating func take(_ line: [UInt8]) throws(AgeError) {
        if opened != nil {
            try takeBody(line)
        } else if line.starts(with: AgeHeader.end) {
            try takeEnd(line)
        } else {
            try takeArguments(line)
        }
    }

    private mutating func takeArguments(_ line: [UInt8]) throws(AgeError) {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].elementsEqual("->".utf8),
            words.dropFirst().allSatisfy(Stanza.isArgument)
        else { throw AgeError(.header, "malformed stanza line") }
        guard stanzas.count < AgeHeader.stanzaLimit else {
            throw AgeError(.limit, "more than \(AgeHeader.stanzaLimit) stanzas")
        }
        opened = words.dropFirst().map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func takeBody(_ line: [UInt8]) throws(AgeError) {
        guard line.count <= Stanza.columns else { throw AgeError(.header, "stanza line above 64 columns") }
        do {
            body += try Base64.unpadded.decode(line)
        } catch {
            throw AgeError(.header, "malformed stanza body", underlying: error)
        }
        guard line.count < Stanza.columns, let words = opened else { return }
        stanzas.append(Stanza(type: words[0], arguments: Array(words.dropFirst()), body: body))
        opened = nil
        body = []
    }

    private mutating func takeEnd(_ line: [UInt8]) throws(AgeError) {
        let prefix = AgeHeader.end + [0x20]
        guard !stanzas.isEmpty, line.starts(with: prefix) else {
            throw AgeError(.header, "malformed end of header")
        }
        var mac: [UInt8]
        do {
            mac = try Base64.unpadded.decode(Array(line.dropFirst(prefix.count)))
        } catch {
            throw AgeError(.header, "malformed header MAC", underlying: error)
        }
        guard mac.count == AgeHeader.macByteCount else {
            throw AgeError(.header, "header MAC of the wrong length")
        }
        guard AgeHeader.isScryptAlone(stanzas) else {
            throw AgeError(.header, "a passphrase stanza has company")
        }
        header = AgeHeader(stanzas: stanzas, mac: mac, encoded: received)
    }
}
