/// An annotated tag, parsed strictly from its raw bytes: object, type, tag, tagger, empty line, message
/// (INTEROP.md 4.2). A signature block may end the message.
package struct TagObject: Sendable {
    /// The object that the tag names.
    package let target: ObjectID
    /// Its type.
    package let type: ObjectType
    /// The tag's name, as bytes.
    package let name: [UInt8]
    /// Who made the tag; nil in tags of Git's first year.
    package let tagger: Authorship?
    /// The message, with the signature block that may end it.
    package let message: [UInt8]
    /// The armored signature: everything from its first line to the end of the tag; nil for an unsigned tag.
    package let signature: [UInt8]?
    /// What the signature is over: the raw bytes before it; all of them where unsigned.
    package let signedPayload: [UInt8]

    /// Parses the bytes of a tag object. Throws `malformedTag`, and `twoSignatures` where more than one line of the
    /// message begins as a signature does: Git takes the last of them, and the others for text.
    package init(raw: [UInt8]) throws(GitError) {
        let lines = try HeaderLines(raw, .malformedTag)
        let headers = lines.headers
        guard (3...4).contains(headers.count), headers.allSatisfy({ $0.continuation.isEmpty }),
            headers[0].key == "object", headers[1].key == "type", headers[2].key == "tag",
            headers.count == 3 || headers[3].key == "tagger"
        else { throw GitError(.malformedTag, "not object, type, tag and tagger") }
        guard let target = try? ObjectID(hex: headers[0].firstLine),
            let type = ObjectType(rawValue: String(decoding: headers[1].firstLine, as: UTF8.self))
        else { throw GitError(.malformedTag, "a tag of no object") }
        guard !headers[2].firstLine.isEmpty else { throw GitError(.malformedTag, "a tag without a name") }
        self.target = target
        self.type = type
        name = Array(headers[2].firstLine)
        tagger = headers.count == 4 ? try Authorship(headers[3].firstLine, .malformedTag) : nil
        message = Array(raw[lines.messageStart...])
        let starts = TagObject.signatureStarts(raw, from: lines.messageStart)
        guard starts.count < 2 else { throw GitError(.twoSignatures, "a tag with two signatures") }
        signature = starts.first.map { Array(raw[$0...]) }
        signedPayload = starts.first.map { Array(raw[..<$0]) } ?? raw
    }

    /// How the first line of a signature begins (git: gpg-interface.c, get_format_by_sig).
    private static let beginnings = [
        "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----",
        "-----BEGIN SSH SIGNATURE-----",
    ].map { Array($0.utf8) }

    /// Where lines stand that begin as signatures do.
    private static func signatureStarts(_ raw: [UInt8], from messageStart: Int) -> [Int] {
        var starts: [Int] = []
        var position = messageStart
        while position < raw.count {
            let line = raw[position...]
            if line.first == 0x2D, beginnings.contains(where: { line.starts(with: $0) }) {
                starts.append(position)
            }
            guard let end = line.firstIndex(of: 0x0A) else { break }
            position = end + 1
        }
        return starts
    }
}
