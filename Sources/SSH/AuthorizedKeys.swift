/// The keys of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT), as `https://github.com/USER.keys`
/// serves it: a key a line, with options before it and a comment after it.
///
/// Options say what a login may do; here they are passed over, but for `cert-authority`, whose key is nobody's.
/// A malformed line makes the file refused whole; a key of a type that isn't known is listed as passed over.
package struct AuthorizedKeys: Sendable {
    /// One key.
    package struct Entry: Hashable, Sendable {
        /// The line's number, from 1.
        package let line: Int
        /// The key.
        package let key: SSHPublicKey
        /// What follows the key, where it is UTF-8.
        package let comment: String
    }

    /// The longest file that is read.
    package static let byteLimit = 1 << 20

    /// The keys, in the order of the file, each once.
    package let entries: [Entry]
    /// The numbers of the lines whose keys can't be used: of types that aren't known, and authorities'.
    package let passedOver: [Int]

    /// Reads a whole file. Throws `malformed` with the number of the first bad line, `noSigners` for a file without
    /// a line that is a key, `limitExceeded`.
    package init(parsing text: [UInt8]) throws(SSHError) {
        guard text.count <= AuthorizedKeys.byteLimit else {
            throw SSHError(.limitExceeded, "authorized keys: the file is too long")
        }
        var entries: [Entry] = []
        var passedOver: [Int] = []
        for (index, raw) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let ended = raw.last == 0x0D ? raw.dropLast() : raw
            let line = ended.drop(while: SSHPublicKey.isBlank)
            guard let first = line.first, first != 0x23 else { continue }
            do throws(SSHError) {
                guard let (key, comment) = try AuthorizedKeys.key(of: line) else {
                    passedOver.append(index + 1)
                    continue
                }
                guard !entries.contains(where: { $0.key == key }) else { continue }
                entries.append(
                    Entry(
                        line: index + 1, key: key, comment: String(validating: comment, as: UTF8.self) ?? "")
                )
            } catch {
                throw SSHError(error.code, "authorized keys, line \(index + 1): \(error.context)")
            }
        }
        guard !entries.isEmpty || !passedOver.isEmpty else {
            throw SSHError(.noSigners, "authorized keys: the file names no key")
        }
        self.entries = entries
        self.passedOver = passedOver
    }

    /// The key of one line; nil where it is of an unknown type or an authority's.
    private static func key(
        of line: ArraySlice<UInt8>
    ) throws(SSHError) -> (key: SSHPublicKey, comment: [UInt8])? {
        var rest = line
        var options: [UInt8] = []
        if !startsWithType(rest) {
            options = try skipOptions(&rest)
            // Neither with nor without options a type that is known; an unknown one looks like options.
            guard startsWithType(rest) else {
                guard looksLikeKey(rest) || looksLikeKey(line.drop { !SSHPublicKey.isBlank($0) }) else {
                    throw SSHError(.malformed, "expected a key")
                }
                return nil
            }
        }
        guard !isAuthority(options) else { return nil }
        return try SSHPublicKey.parse(rest)
    }

    private static func startsWithType(_ rest: ArraySlice<UInt8>) -> Bool {
        let word = rest.prefix { !SSHPublicKey.isBlank($0) }
        return SSHPublicKey.Kind.allCases.contains { $0.rawValue.utf8.elementsEqual(word) }
    }

    /// Whether a word of base64 that begins as every SSH key does (32 bits of length) follows in `rest`.
    private static func looksLikeKey(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.split(whereSeparator: SSHPublicKey.isBlank).prefix(2).contains { $0.starts(with: "AAAA".utf8) }
    }

    /// Takes the options, up to a blank outside quotes, and the blanks after them.
    private static func skipOptions(_ rest: inout ArraySlice<UInt8>) throws(SSHError) -> [UInt8] {
        var isQuoted = false
        var isEscaped = false
        let text = rest.prefix { byte in
            if byte == 0x22, !isEscaped { isQuoted.toggle() }
            isEscaped = byte == 0x5C && !isEscaped
            return isQuoted || !SSHPublicKey.isBlank(byte)
        }
        guard !isQuoted else { throw SSHError(.malformed, "a quote is not closed") }
        rest = rest.dropFirst(text.count).drop(while: SSHPublicKey.isBlank)
        return Array(text)
    }

    /// Whether `cert-authority` is among the options, which are comma-separated outside quotes.
    private static func isAuthority(_ options: [UInt8]) -> Bool {
        var isQuoted = false
        return options.split { byte in
            if byte == 0x22 { isQuoted.toggle() }
            return byte == 0x2C && !isQuoted
        }.contains { String(decoding: $0, as: UTF8.self).lowercased() == "cert-authority" }
    }
}
