/// One call of a run that changed files or names, or forced them to the disk: a line of CrashHarness's log.
package struct FileChange: Sendable {
    /// The call's name, as of man section 2.
    package let call: String
    /// The absolute path that it worked on: of a rename or a link the new one.
    package let path: String
    /// The absolute path that a rename or a link was made from.
    package let source: String?

    /// The change of a line of the log; nil for a call that failed.
    init?(line: String) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        let words = fields[0].split(separator: " ")
        guard words.count >= 3, let result = Int(words[words.count - 1]), result >= 0 else { return nil }
        call = String(words[1])
        let name = words[2..<(words.count - 1)].joined(separator: " ")
        path = fields.count < 2 || fields[1].isEmpty ? name : "\(fields[1])/\(name)"
        source = fields.count < 3 || fields[2].isEmpty ? nil : String(fields[2])
    }
}
