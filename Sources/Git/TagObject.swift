/// An annotated tag, parsed strictly from its raw bytes: object, type, tag, tagger, empty line, message.
package struct TagObject: Sendable {
    /// The object that the tag names.
    package let target: ObjectID
    /// Its type.
    package let type: ObjectType
    /// The tag's name, as bytes.
    package let name: [UInt8]
    /// Who made the tag; nil in tags of Git's first year.
    package let tagger: Authorship?
    /// The message with the signature block that may end it.
    package let message: [UInt8]

    /// Parses the bytes of a tag object. Throws `malformedTag`.
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
    }
}
