internal import Encodings

extension SSHSignature {
    private static let begin = "-----BEGIN SSH SIGNATURE-----"
    private static let end = "-----END SSH SIGNATURE-----"
    /// Characters a line of what is written here, as ssh-keygen and git write it.
    private static let width = 70

    /// The signature as text of 70 columns between its BEGIN and END lines, with a final line feed.
    package var armored: String {
        let text = Base64.standard.encodeBytes(blob)
        var lines = [SSHSignature.begin]
        for start in stride(from: 0, to: text.count, by: SSHSignature.width) {
            let line = text[start..<min(start + SSHSignature.width, text.count)]
            lines.append(String(decoding: line, as: UTF8.self))
        }
        lines.append(SSHSignature.end)
        return lines.joined(separator: "\n") + "\n"
    }

    /// The signature of an armored text: BEGIN line, canonical base64, END line, lines ended by one line feed,
    /// the last of which may be missing. All lines of base64 but the last have one width of at most 76
    /// (PROTOCOL.sshsig §1; ssh-keygen writes 70); nothing stands before, between or after.
    ///
    /// Throws `malformed` for any other text, and as `init(blob:)`.
    package init(armored text: [UInt8]) throws(SSHError) {
        guard text.count <= SSHSignature.byteLimit * 3 / 2 else {
            throw SSHError(.limitExceeded, "SSH signature: longer than any legal signature")
        }
        let malformed = SSHError(.malformed, "SSH signature: not a well-formed armor")
        let content = text.last == 0x0A ? text.dropLast() : text[...]
        let lines = content.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.count >= 3, lines[0].elementsEqual(SSHSignature.begin.utf8),
            lines[lines.count - 1].elementsEqual(SSHSignature.end.utf8)
        else { throw malformed }
        let body = lines[1..<(lines.count - 1)]
        guard let width = body.first?.count, (1...76).contains(width),
            body.dropLast().allSatisfy({ $0.count == width }),
            let last = body.last, (1...width).contains(last.count)
        else { throw malformed }
        let blob: [UInt8]
        do {
            blob = try Base64.standard.decode(Array(body.joined()))
        } catch {
            throw SSHError(.malformed, "SSH signature: \(error.context)")
        }
        try self.init(blob: blob)
    }

    /// The signature of an armored text, as `init(armored:)` of its UTF-8.
    package init(armored text: String) throws(SSHError) {
        try self.init(armored: Array(text.utf8))
    }
}
