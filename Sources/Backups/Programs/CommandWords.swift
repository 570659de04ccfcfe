internal import Git

/// The last bytes that a command wrote to its standard error, and what is shown of them.
struct CommandWords {
    private var bytes: [UInt8] = []
    private var isCut = false

    /// Bytes that are kept, the last ones.
    private static let limit = 4_096
    /// Lines that are shown, the last ones.
    private static let lineLimit = 3
    /// Characters that are shown of them, the last ones.
    private static let shownLimit = 600

    /// Keeps `piece`, and drops what is older than the limit.
    mutating func append(_ piece: ArraySlice<UInt8>) {
        bytes += piece
        guard bytes.count > CommandWords.limit else { return }
        bytes.removeFirst(bytes.count - CommandWords.limit)
        isCut = true
    }

    /// The last lines in one, without the passwords of URLs, of words like `password=…` or `token: …`, and of the variables of
    /// `environment` that hold one. A line that was cut is not shown: half a password would not be known.
    func text(hiding environment: [String: String]) -> String {
        var shown = bytes
        if isCut { shown.removeSubrange(...(shown.firstIndex(of: 0x0A) ?? shown.endIndex - 1)) }
        for (name, value) in environment where CommandWords.namesSecret(name) && value.utf8.count > 2 {
            shown = CommandWords.hiding(Array(value.utf8), in: shown)
        }
        for word in ["password", "passwd", "passphrase", "pwd", "token", "secret"] {
            shown = CommandWords.hidingValue(of: Array(word.utf8), in: shown)
        }
        let plain = RemoteLocation.withoutCredentials(String(decoding: shown, as: UTF8.self))
        let lines = plain.unicodeScalars.split { $0 == "\n" || $0 == "\r" }.compactMap { line -> String? in
            let words = line.split { $0.value <= 0x20 || (0x7F...0x9F).contains($0.value) }
            return words.isEmpty ? nil : words.map { String($0) }.joined(separator: " ")
        }
        let text = lines.suffix(CommandWords.lineLimit).joined(separator: " / ")
        return text.count > CommandWords.shownLimit ? "…" + text.suffix(CommandWords.shownLimit) : text
    }

    private static let hidden = Array("…".utf8)

    private static func namesSecret(_ name: String) -> Bool {
        let name = Array(name.uppercased().utf8)
        return ["PASS", "PWD", "SECRET", "TOKEN", "KEY"].contains { word in
            name.indices.contains { name[$0...].starts(with: word.utf8) }
        }
    }

    private static func hiding(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first {
            if rest.starts(with: secret) {
                result += hidden
                rest = rest.dropFirst(secret.count)
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// `bytes` without what follows the word `name` and `=` or `:`, blanks around it or not, up to a space, a quote or what
    /// separates it from others.
    private static func hidingValue(of name: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }
        let ends = Set(" \t\r\n&;,)".utf8)
        let quotes = Set("'\"".utf8)
        let blanks = Set(" \t".utf8)
        var result: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first {
            guard rest.prefix(name.count).lazy.map(lowered).elementsEqual(name) else {
                result.append(first)
                rest = rest.dropFirst()
                continue
            }
            result += rest.prefix(name.count)
            rest = rest.dropFirst(name.count)
            // As in JSON, the name may be in quotes itself.
            let tail = rest.dropFirst(rest.first.map(quotes.contains) == true ? 1 : 0).drop(
                while: blanks.contains)
            guard let mark = tail.first, mark == 0x3D || mark == 0x3A else { continue }
            let value = tail.dropFirst().drop(while: blanks.contains)
            result += bytes[rest.startIndex..<value.startIndex]
            rest = value
            // Nothing is said on this line, as of a prompt.
            guard let first = rest.first, first != 0x0A, first != 0x0D else { continue }
            if let quote = rest.first, quotes.contains(quote) {
                rest = rest.dropFirst().drop { $0 != quote && $0 != 0x0A }
                if rest.first == quote { rest = rest.dropFirst() }
            } else {
                rest = rest.drop { !ends.contains($0) }
            }
            result += hidden
        }
        return result
    }
}
