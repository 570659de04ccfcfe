internal import Glibc
internal import Sodium

/// Looks for text that looks like a secret: beginnings that only secrets have, and words that look random.
///
/// A help for people, no proof of anything: what it doesn't find may be a secret, and what it finds may be none. A line
/// that holds `strongroom:allow` is passed over.
enum SecretScan {
    /// One thing that was found.
    struct Finding: Equatable {
        /// The line, from 1.
        let line: Int
        /// What it looks like; never what it is.
        let reason: String
    }

    /// Larger files are no configuration.
    static let byteLimit = 4 << 20
    /// Longer lines were written by programs: only known beginnings are looked for in them.
    private static let lineLimit = 4_096
    private static let allowed = Array("strongroom:allow".utf8)

    /// Whether the file holds public material that looks random: keyrings, and the rules with their repository id.
    static func isExempt(_ path: [UInt8], keyrings: String) -> Bool {
        path.starts(with: Array((keyrings + "/").utf8)) || path == Array(Rules.fileName.utf8)
    }

    /// The findings in the file `bytes` at `path`, at most one a line; none in what is no text.
    static func findings(in bytes: [UInt8], path: [UInt8]) -> [Finding] {
        guard bytes.count <= byteLimit, !bytes.prefix(8_192).contains(0),
            !bytes.withBytes({ SealedFile.isAgeFile($0) })
        else { return [] }
        let looksAtWords = !isOfHashes(path)
        var found: [Finding] = []
        var block: [UInt8]?
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            // What stands between the marks of a PEM block is told by its first line.
            if let end = block {
                if contains(line, end) { block = nil }
                continue
            }
            if contains(line, allowed) { continue }
            let blockEnd = endOfBlock(begunOn: line)
            block = blockEnd
            if let name = SecretPattern.first(in: line) {
                found.append(Finding(line: number, reason: "looks like \(name)"))
            } else if looksAtWords, blockEnd == nil, line.count <= lineLimit,
                let reason = randomWord(in: line)
            {
                found.append(Finding(line: number, reason: reason))
            }
        }
        return found
    }

    /// Files that consist of hashes: lock files, checksums, what was generated.
    private static func isOfHashes(_ path: [UInt8]) -> Bool {
        let name = String(decoding: path.split(separator: 0x2F).last ?? [], as: UTF8.self)
        let names = [
            "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "Package.resolved", "go.sum",
        ]
        let endings = [".lock", ".lock.hcl", ".sum", ".map", ".min.js", ".min.css", ".svg", ".crt", ".pub"]
        return names.contains(name) || endings.contains { name.hasSuffix($0) }
    }

    /// `-----END` where a PEM block, or what looks like one, begins on `line` and doesn't end there.
    private static func endOfBlock(begunOn line: ArraySlice<UInt8>) -> [UInt8]? {
        let end = Array("-----END ".utf8)
        return contains(line, Array("-----BEGIN ".utf8)) && !contains(line, end) ? end : nil
    }

    /// Whether `line` holds `word`.
    static func contains(_ line: ArraySlice<UInt8>, _ word: [UInt8]) -> Bool {
        guard let first = word.first, line.count >= word.count else { return false }
        var position = line.startIndex
        let last = line.endIndex - word.count
        while position <= last {
            if line[position] == first, line[position...].starts(with: word) { return true }
            position += 1
        }
        return false
    }
}

// MARK: - Random words

extension SecretScan {
    /// What the first word of `line` that looks random is; nil where none does.
    private static func randomWord(in line: ArraySlice<UInt8>) -> String? {
        var position = line.startIndex
        while position < line.endIndex {
            guard isWordByte(line[position]) else {
                position += 1
                continue
            }
            let end = line[position...].firstIndex { !isWordByte($0) } ?? line.endIndex
            let word = line[position..<end]
            if word.count >= 16, looksRandom(word, after: line[..<position], before: line[end...]) {
                return "looks like a random secret of \(word.count) characters"
            }
            position = end
        }
        return nil
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || [0x2B, 0x2F, 0x3D, 0x5F, 0x2D].contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { isUpper(byte) || isLower(byte) }

    /// Words before a value that say it is a secret, and words that say it is none.
    private static let secretNames = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "access_key",
        "accesskey", "private", "credential",
    ].map { Array($0.utf8) }
    private static let publicNames = [
        "sha1", "sha256", "sha384", "sha512", "hash", "digest", "checksum", "integrity", "fingerprint",
        "signature", "public", "pubkey", "cert", "cabundle", "commit", "revision", "etag", "ssh-",
        "known_hosts",
    ].map { Array($0.utf8) }
    private static let publicBeginnings = ["AAAA", "age1", "sha1-", "sha256-", "sha384-", "sha512-"]
        .map { Array($0.utf8) }

    private static func looksRandom(
        _ word: ArraySlice<UInt8>, after head: ArraySlice<UInt8>, before tail: ArraySlice<UInt8>
    ) -> Bool {
        // The payload of a token of ours, the field of a dotted name and a function's name are no values.
        guard tail.first != 0x28, tail.first != 0x2E, head.last != 0x2E else { return false }
        guard !publicBeginnings.contains(where: { word.starts(with: $0) }) else { return false }
        let context = head.suffix(128).map { isUpper($0) ? $0 | 0x20 : $0 }[...]
        guard !publicNames.contains(where: { contains(context, $0) }) else { return false }
        let isNamedSecret = secretNames.contains { contains(context, $0) } && !namesReference(context)
        let core = word.filter { $0 != 0x3D }
        let digits = core.count(where: isDigit)
        let (upper, lower) = (core.count(where: isUpper), core.count(where: isLower))
        guard digits >= 2, upper + lower >= 2, !isOfPlainParts(word) else { return false }
        let bits = entropy(core)
        let most = log2(Double(min(core.count, 64)))
        if core.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0 | 0x20) || $0 == 0x2D }) {
            // Hexadecimal is a hash or an id more often than not.
            return isNamedSecret && core.count >= 32 && core.count(where: { $0 == 0x2D }) == 0 && bits >= 3
        }
        if upper > 0, lower > 0, core.count >= 20, bits >= 0.85 * most { return true }
        return isNamedSecret && bits >= 0.8 * most && bits >= 3.2
    }

    /// Whether what stands before a value names another thing than the value: a Secret's name, a path.
    private static func namesReference(_ context: ArraySlice<UInt8>) -> Bool {
        let name = context.reversed().drop { !isLetter($0) }.prefix { isLetter($0) || isDigit($0) }
        return ["name", "ref", "path", "file", "url", "uri", "host", "image", "kind", "id"].contains {
            ending in
            name.starts(with: ending.utf8.reversed())
        }
    }

    /// Whether the word consists of words and numbers that are joined: a name, a path, an identifier.
    private static func isOfPlainParts(_ word: ArraySlice<UInt8>) -> Bool {
        let separators: [UInt8] = [0x2B, 0x2F, 0x5F, 0x2D]
        let parts = word.split { separators.contains($0) || $0 == 0x3D }
        if word.count(where: { $0 == 0x2F }) > 2 || word.first == 0x2F { return true }
        return parts.allSatisfy { part in
            let letters = part.prefix { isLetter($0) }
            let rest = part[letters.endIndex...]
            // A word with a number behind it, or a number: `worker12`, `v2`, `2024`.
            guard rest.allSatisfy({ isDigit($0) }) || rest.count <= 1 else { return false }
            return letters.dropFirst().allSatisfy { isLower($0) } || letters.allSatisfy { isUpper($0) }
        }
    }

    /// Shannon's entropy of the bytes, in bits a byte.
    static func entropy(_ bytes: some Collection<UInt8>) -> Double {
        var counts: [UInt8: Int] = [:]
        for byte in bytes { counts[byte, default: 0] += 1 }
        let total = Double(bytes.count)
        return counts.values.reduce(0) { sum, count in
            let share = Double(count) / total
            return sum - share * log2(share)
        }
    }
}
