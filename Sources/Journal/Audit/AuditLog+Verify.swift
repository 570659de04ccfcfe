/// What a check of the audit log found.
package struct AuditReport: Sendable, Hashable {
    /// The last line that is right, with all before it.
    package let head: AuditHead
    /// The first line that is not: its number, and why. Nil where all is well.
    package let firstBad: Finding?

    /// A line that is not as it was written, or not there.
    package struct Finding: Sendable, Hashable {
        /// The line's number, from 1.
        package let index: UInt64
        /// What is wrong, in words.
        package let reason: String
    }
}

extension AuditLog {
    /// Checks every line against the one before it, the end against the last line that was acknowledged, and, where
    /// it is given, the line of a head that was noted elsewhere (CASES.md F078).
    ///
    /// Throws `cannotOpen`, `io`, and `damaged` where the head itself is not as it was written.
    package func verify(expecting noted: AuditHead? = nil) throws(JournalError) -> AuditReport {
        let known = try readHead()
        let anchor = known ?? .empty
        var last = AuditHead.empty
        var found: AuditReport.Finding?
        func finding(_ index: UInt64, _ reason: String) { found = .init(index: index, reason: reason) }
        let rest = try walk { (entry, isAuthentic) throws(JournalError) in
            let index = last.index + 1
            guard let entry, isAuthentic else {
                finding(
                    index, entry == nil ? "not in the form of a line" : "does not follow the line before it")
                return false
            }
            last = AuditHead(index: entry.index, hash: entry.hash)
            if let noted, noted.index == last.index, noted != last {
                finding(index, "is not the line that was noted elsewhere")
            } else if anchor.index == last.index, anchor != last {
                finding(index, "is not the line that was acknowledged")
            }
            return found == nil
        }
        let end = max(anchor.index, noted?.index ?? 0)
        if found == nil, last.index < end {
            finding(last.index + 1, "missing: \(end) lines were written")
        } else if found == nil, known == nil, last.index > 0 {
            finding(last.index + 1, "the note of the last line is gone: lines may have been cut off")
        } else if found == nil, rest > 0 {
            finding(last.index + 1, "not whole: its writer was stopped, and the next one cuts it off")
        }
        return AuditReport(head: last, firstBad: found)
    }

    /// The newest `limit` lines that `isWanted` picks, oldest first, as they stand there: nothing is checked. Throws
    /// `cannotOpen`, `io`.
    package func entries(
        limit: Int, where isWanted: (AuditEntry) -> Bool = { _ in true }
    ) throws(JournalError) -> [AuditEntry] {
        var entries: [AuditEntry] = []
        _ = try walk { (entry, _) throws(JournalError) in
            guard let entry, isWanted(entry) else { return true }
            entries.append(entry)
            if entries.count >= 2 * max(1, limit) { entries.removeFirst(entries.count - limit) }
            return true
        }
        return entries.suffix(max(0, limit))
    }
}
