package import Encodings

/// Who may sign: the content of an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS).
///
/// A file that is empty, malformed in any line, or asks for what isn't supported is refused whole: it never
/// allows anybody by half (CASES F050).
package struct AllowedSigners: Sendable {
    /// One line of the file.
    package struct Entry: Sendable {
        /// The line's number, from 1.
        package let line: Int
        /// The comma-separated patterns of principals: `*`, `?`, a leading `!` negates.
        package let principals: String
        /// The key.
        package let key: SSHPublicKey
        /// The patterns of namespaces that the key may sign in; nil allows all.
        package let namespaces: String?
        /// The first second of validity, where there is one, since 1970.
        package let validAfter: Int64?
        /// The last second of validity, where there is one, since 1970.
        package let validBefore: Int64?
    }

    /// Why a key may not sign. Each is a refusal by policy.
    package enum Refusal: Error, Equatable, Sendable {
        /// No line names the key.
        case unknownKey
        /// The key is listed, but not for this namespace.
        case wrongNamespace
        /// The key's time is over.
        case expired
        /// The key's time has not come.
        case notYetValid
    }

    /// What was found for a key.
    package struct Match: Sendable {
        /// The principals' patterns of every line that allows the key, in the order of the file.
        package let principals: [String]
        /// The numbers of these lines.
        package let lines: [Int]

        /// Whether one of the lines allows the key to sign as `principal`.
        package func allows(principal: String) -> Bool {
            principals.contains { PatternList.matches($0, principal) }
        }
    }

    /// The lines, in the order of the file.
    package let entries: [Entry]

    /// The longest file that is read.
    package static let byteLimit = 1 << 20

    /// Reads a whole file.
    ///
    /// `zoneOffset` gives the seconds to add to UTC for local time at a local wall clock time (seconds since
    /// 1970 as if it were UTC): validity times without `Z` are local. The default takes them as UTC.
    ///
    /// Throws `noSigners` for a file without entries, `malformed`, `unsupportedOption` or `unsupportedKeyType`
    /// with the line's number for the first bad line.
    package init(
        parsing text: [UInt8], zoneOffset: (_ localSeconds: Int64) -> Int64 = { _ in 0 }
    ) throws(SSHError) {
        guard text.count <= AllowedSigners.byteLimit else {
            throw SSHError(.limitExceeded, "allowed signers: the file is too long")
        }
        var entries: [Entry] = []
        for (index, raw) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let ended = raw.last == 0x0D ? raw.dropLast() : raw
            let line = ended.drop(while: SSHPublicKey.isBlank)
            guard let first = line.first, first != 0x23 else { continue }
            do throws(SSHError) {
                entries.append(try AllowedSigners.entry(line, number: index + 1, zoneOffset))
            } catch {
                throw SSHError(error.code, "allowed signers, line \(index + 1): \(error.context)")
            }
        }
        guard !entries.isEmpty else {
            throw SSHError(.noSigners, "allowed signers: the file names no signer")
        }
        self.entries = entries
    }

    /// The principals that `key` may sign for in `namespace` at `time`; the signature itself has been verified.
    ///
    /// Throws the refusal of the line that came nearest: a time that doesn't fit before another namespace.
    package func match(
        _ key: SSHPublicKey, namespace: String, at time: Timestamp
    ) throws(Refusal) -> Match {
        var refusal = Refusal.unknownKey
        var allowed: [Entry] = []
        for entry in entries where entry.key == key {
            if let patterns = entry.namespaces, !PatternList.matches(patterns, namespace) {
                if refusal == .unknownKey { refusal = .wrongNamespace }
            } else if let start = entry.validAfter, time.seconds < start {
                refusal = .notYetValid
            } else if let end = entry.validBefore, time.seconds > end {
                refusal = .expired
            } else {
                allowed.append(entry)
            }
        }
        guard !allowed.isEmpty else { throw refusal }
        return Match(principals: allowed.map(\.principals), lines: allowed.map(\.line))
    }
}

/// OpenSSH's comma-separated pattern lists (ssh_config(5), PATTERNS).
package enum PatternList {
    /// Whether `text` fits one of the patterns and none of the negated ones.
    package static func matches(_ list: String, _ text: String) -> Bool {
        let name = Array(text.utf8)
        var isFound = false
        for pattern in list.utf8.split(separator: 0x2C, omittingEmptySubsequences: true) {
            let isNegated = pattern.first == 0x21
            let plain = Array(isNegated ? pattern.dropFirst() : pattern)
            guard Wildcard.matches(plain, name, questionMark: true) else { continue }
            guard !isNegated else { return false }
            isFound = true
        }
        return isFound
    }
}
