extension Checker {
    /// A value or file that is sealed under a rule.
    package struct Sealed: Sendable {
        /// The file, from the repository's root.
        package let path: [UInt8]
        /// What stands there, and where.
        package let standing: SealedItem.Standing
        /// How long it may stand unchanged, where the rule says so.
        package let maxAge: MaximumAge?
    }

    /// What Git history tells of a sealed value or file.
    package struct Past: Sendable {
        /// When it came with a commit, in seconds since 1970; nil where no commit has it yet.
        package let since: Int64?
        /// Whether history is cut off where it came: it may be older.
        package let isCut: Bool
        /// The commit that put another one in its place, after which it came back; nil where none did.
        package let replacedIn: String?

        /// Says what is known.
        package init(since: Int64?, isCut: Bool, replacedIn: String?) {
            self.since = since
            self.isCut = isCut
            self.replacedIn = replacedIn
        }
    }

    /// Checks all that is `sealed` against its history, at the time `now` in seconds since 1970.
    ///
    /// Ages count from the commit that brought the token, by its committer's clock: a value that is sealed again counts
    /// from then, for without a key nobody sees that it is the same.
    package mutating func check(now: Int64, past: (Sealed) throws -> Past) rethrows {
        var uncertain: Set<[UInt8]> = []
        for sealed in self.sealed {
            let past = try past(sealed)
            if let commit = past.replacedIn {
                note(
                    sealed.path, .returned, line: sealed.standing.line, keyPath: sealed.standing.keyPath,
                    isRefused: true,
                    "stood here before commit \(commit) put another in its place: an old value came back")
            }
            guard let limit = sealed.maxAge, let since = past.since else { continue }
            let (age, overflow) = now.subtractingReportingOverflow(since)
            if overflow || age > limit.seconds {
                note(
                    sealed.path, .tooOld, line: sealed.standing.line, keyPath: sealed.standing.keyPath,
                    isRefused: true,
                    "unchanged for \(age / 86_400) days, and the rule allows \(limit): change the secret")
            } else if past.isCut, uncertain.insert(sealed.path).inserted {
                note(
                    sealed.path, .notChecked, isRefused: false,
                    "older than the history that is here: maxAge \(limit) can't be told")
            }
        }
    }

    /// Notes that history, which was asked for, doesn't tell all: `reason`. Told once.
    package mutating func noteIncompleteHistory(_ reason: String) {
        guard !isIncomplete else { return }
        isIncomplete = true
        note(
            Array(".".utf8), .notChecked, isRefused: false,
            "\(reason): older keyrings and values that came back, and ages, are told as far as it goes")
    }

    /// Notes files whose rule has a `maxAge`, which can't be told without history.
    package mutating func noteNoHistory() {
        var known: Set<[UInt8]> = []
        for sealed in self.sealed {
            guard let limit = sealed.maxAge, known.insert(sealed.path).inserted else { continue }
            note(
                sealed.path, .notChecked, isRefused: false,
                "maxAge \(limit) can't be told without Git history")
        }
    }

    /// Looks in the file `bytes` at `path`, which was checked before, for text that looks like a secret. What the rules
    /// select there was found already and isn't told twice.
    package mutating func scan(_ bytes: [UInt8], path: [UInt8], isRefused: Bool) {
        guard !SecretScan.isExempt(path, keyrings: rules.keyrings) else { return }
        let found = SecretScan.findings(in: bytes, path: path)
        guard !found.isEmpty else { return }
        let known = Set(findings.filter { $0.path == path }.compactMap(\.line))
        for finding in found where !known.contains(finding.line) {
            note(path, .secretLike, line: finding.line, isRefused: isRefused, finding.reason)
        }
    }
}
