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

    /// The last lines in one, without the passwords of URLs, what follows names like `password=`, `api_key=`, `SECRET_KEY:`,
    /// `Authorization:` and `Bearer`, and the values of the variables of `environment` that hold one. What no name tells of,
    /// as in `mysql -pSECRET`, is shown. A line that was cut is not: half a password would not be known.
    func text(hiding environment: [String: String]) -> String {
        var shown = bytes
        if isCut { shown.removeSubrange(...(shown.firstIndex(of: 0x0A) ?? shown.endIndex - 1)) }
        for (name, value) in environment where CommandWords.namesSecret(name) && value.utf8.count > 2 {
            shown = CommandWords.hiding(Array(value.utf8), in: shown)
        }
        shown = CommandWords.hidingValues(in: shown)
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

    /// How the value that follows a word ends.
    private enum Value {
        /// After `=` or `:`, blanks around it or not; with a space, a quote or what separates it from others.
        case word
        /// After `=` or `:`; with the line or a quote.
        case line
        /// After a blank alone.
        case next
    }

    /// What follows `word`, lower case, that is to be hidden; nil for a word like others. A file's name says less: what follows
    /// it is most often why it can't be read.
    private static func value(after word: [UInt8], inPath: Bool) -> Value? {
        let word = String(decoding: word, as: UTF8.self)
        if word == "bearer" { return .next }
        if word.hasSuffix("authorization") { return .line }
        let names = ["password", "passwd", "passphrase", "pwd", "token", "secret"]
        if names.contains(where: word.hasSuffix) { return .word }
        guard !inPath else { return nil }
        let plain = word.drop { $0 == "-" || $0 == "_" }
        let isLonger = ["key", "pass"].contains { plain.hasSuffix($0) && plain != $0 }
        return isLonger
            || names.contains { name in
                word.utf8.indices.contains { word.utf8[$0...].starts(with: name.utf8) }
            } ? .word : nil
    }

    /// `bytes` without what follows the names of secrets.
    private static func hidingValues(in bytes: [UInt8]) -> [UInt8] {
        let blanks = Set(" \t".utf8)
        let quotes = Set("'\"".utf8)
        var result: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let word = rest.prefix(while: isOfName)
            guard !word.isEmpty else {
                result.append(rest.removeFirst())
                continue
            }
            result += word
            rest = rest.dropFirst(word.count)
            let before = word.startIndex > 0 ? bytes[word.startIndex - 1] : nil
            guard let kind = value(after: word.map(lowered), inPath: before == 0x2F) else { continue }
            var value = rest
            if kind == .next {
                value = rest.drop(while: blanks.contains)
                // Of these the value is the word behind.
                let next = value.prefix(while: isOfName).map(lowered)
                guard value.startIndex > rest.startIndex, next != Array("token".utf8) else { continue }
            } else {
                // As in JSON, the name may be in quotes itself.
                let tail = rest.dropFirst(rest.first.map(quotes.contains) == true ? 1 : 0).drop(
                    while: blanks.contains)
                guard let mark = tail.first, mark == 0x3D || mark == 0x3A else { continue }
                value = tail.dropFirst().drop(while: blanks.contains)
            }
            result += bytes[rest.startIndex..<value.startIndex]
            rest = value
            // Nothing is said on this line, as of a prompt.
            guard let first = rest.first, first != 0x0A, first != 0x0D else { continue }
            if quotes.contains(first) {
                rest = afterQuote(rest)
            } else {
                let ends = Set((kind == .line ? "\r\n'\"" : " \t\r\n&;,)").utf8)
                rest = rest.drop { !ends.contains($0) }
            }
            result += hidden
        }
        return result
    }

    /// What stands behind the quoted text that `bytes` begin with, which ends with its line at the latest.
    private static func afterQuote(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let quote = bytes.first else { return bytes }
        var rest = bytes.dropFirst()
        while let byte = rest.first, byte != 0x0A {
            rest = rest.dropFirst()
            if byte == quote { break }
            if byte == 0x5C, let escaped = rest.first, escaped != 0x0A { rest = rest.dropFirst() }
        }
        return rest
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }

    /// Whether `byte` may stand in a name: a letter, a digit, `_` or `-`.
    private static func isOfName(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(lowered(byte)) || (0x30...0x39).contains(byte) || byte == 0x5F || byte == 0x2D
    }
}
