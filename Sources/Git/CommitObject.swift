/// A commit, parsed strictly from its raw bytes (INTEROP.md 4.2, CASES.md F051-F053).
///
/// Headers end at the first empty line. In order: one `tree`, any number of `parent`, one `author`, one
/// `committer`, at most one `encoding`, any number of `mergetag` and of headers that Git does not know, then at
/// most one `gpgsig`, which is last. A signature block in the message is text.
package struct CommitObject: Sendable {
    /// The commit's directory.
    package let tree: ObjectID
    /// The commits before it, the first parent first.
    package let parents: [ObjectID]
    /// Who wrote the change, and when.
    package let author: Authorship
    /// Who made the commit, and when.
    package let committer: Authorship
    /// The character set of the message, where it is named.
    package let encoding: [UInt8]?
    /// The signed tags that a merge took in, each a whole tag object.
    package let mergeTags: [[UInt8]]
    /// The armored signature, each line with its line feed; nil for an unsigned commit.
    package let signature: [UInt8]?
    /// What the signature is over: the raw bytes without the signature header; all of them where unsigned.
    package let signedPayload: [UInt8]
    /// The message, as bytes.
    package let message: [UInt8]

    /// Parses the bytes of a commit object.
    ///
    /// Throws `twoSignatures`, `foreignSignature`, `headerAfterSignature`, `misplacedParent`,
    /// `duplicateHeader`, `headerOrder`, or `malformedCommit` for all else.
    package init(raw: [UInt8]) throws(GitError) {
        let lines = try HeaderLines(raw, .malformedCommit)
        var found = Found()
        for header in lines.headers { try found.take(header) }
        guard let tree = found.tree, let author = found.author, let committer = found.committer else {
            throw GitError(.malformedCommit, "a commit without tree, author or committer")
        }
        self.tree = tree
        parents = found.parents
        self.author = author
        self.committer = committer
        encoding = found.encoding
        mergeTags = found.mergeTags
        message = Array(raw[lines.messageStart...])
        guard let header = found.signature else {
            signature = nil
            signedPayload = raw
            return
        }
        signature = CommitObject.unfolded(header)
        signedPayload = Array(raw[..<header.range.lowerBound] + raw[header.range.upperBound...])
    }

    private static func unfolded(_ header: HeaderLines.Header) -> [UInt8] {
        var text: [UInt8] = []
        for line in [header.firstLine] + header.continuation {
            text += line
            text.append(0x0A)
        }
        return text
    }

    /// The headers met so far; `stage` never falls.
    private struct Found {
        private enum Stage: Int {
            case start, tree, parent, author, committer, encoding, extra, signature
        }
        private var stage = Stage.start
        var tree: ObjectID?
        var parents: [ObjectID] = []
        var author: Authorship?
        var committer: Authorship?
        var encoding: [UInt8]?
        var mergeTags: [[UInt8]] = []
        var signature: HeaderLines.Header?

        mutating func take(_ header: HeaderLines.Header) throws(GitError) {
            if header.key.utf8.starts(with: "gpgsig".utf8) {
                guard header.key == "gpgsig" else {
                    throw GitError(.foreignSignature, "a signature header for another object format")
                }
                guard signature == nil else { throw GitError(.twoSignatures, "two gpgsig headers") }
                try advance(to: .signature, from: .committer)
                signature = header
                return
            }
            switch header.key {
            case "tree":
                try once(tree == nil)
                try advance(to: .tree, from: .start)
                tree = try single(header)
            case "parent":
                guard stage.rawValue <= Stage.parent.rawValue else {
                    throw GitError(.misplacedParent, "a parent after the author")
                }
                try advance(to: .parent, from: .tree)
                parents.append(try single(header))
            case "author":
                try once(author == nil)
                try advance(to: .author, from: .tree)
                author = try Authorship(line(header), .malformedCommit)
            case "committer":
                try once(committer == nil)
                try advance(to: .committer, from: .author)
                committer = try Authorship(line(header), .malformedCommit)
            case "encoding":
                try once(encoding == nil)
                try advance(to: .encoding, from: .committer)
                encoding = Array(try line(header))
            default:
                try advance(to: .extra, from: .committer)
                if header.key == "mergetag" { mergeTags.append(unfolded(header)) }
            }
        }

        private func once(_ isFirst: Bool) throws(GitError) {
            guard isFirst else {
                throw GitError(.duplicateHeader, "a header that may stand once stands twice")
            }
        }

        /// Goes on to `next`, which needs that `earliest` is behind and nothing later is.
        private mutating func advance(to next: Stage, from earliest: Stage) throws(GitError) {
            guard stage != .signature else {
                throw GitError(.headerAfterSignature, "a header after the signature")
            }
            guard stage.rawValue >= earliest.rawValue, stage.rawValue <= next.rawValue else {
                throw GitError(.headerOrder, "headers out of order")
            }
            stage = next
        }

        private func line(_ header: HeaderLines.Header) throws(GitError) -> ArraySlice<UInt8> {
            guard header.continuation.isEmpty else {
                throw GitError(.malformedCommit, "a continued header that has one line")
            }
            return header.firstLine
        }

        private func single(_ header: HeaderLines.Header) throws(GitError) -> ObjectID {
            do {
                return try ObjectID(hex: line(header))
            } catch {
                throw GitError(.malformedCommit, "a tree or parent that is not an object's name")
            }
        }
    }
}
