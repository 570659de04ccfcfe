/// URLs as they may be kept and shown: without what can be a credential.
package enum RedactedURL {
    /// `url` without a password, without any user under http and https (where a token can stand alone), and
    /// without query and fragment. What is no URL (`scheme://…`) is returned as it is.
    package static func text(_ url: String) -> String {
        let bytes = Array(url.utf8)
        guard let mark = firstRange(of: Array("://".utf8), in: bytes) else { return url }
        let scheme = String(decoding: bytes[..<mark], as: UTF8.self).lowercased()
        guard scheme != "file" else { return url }
        let rest = bytes[(mark + 3)...].prefix { $0 != 0x3F && $0 != 0x23 }
        let authority = rest.prefix { $0 != 0x2F }
        guard let at = authority.lastIndex(of: 0x40) else {
            return String(decoding: bytes[..<(mark + 3)] + rest, as: UTF8.self)
        }
        var user = authority[..<at].prefix { $0 != 0x3A } + [0x40]
        if scheme == "http" || scheme == "https" { user = [] }
        return String(decoding: bytes[..<(mark + 3)] + user + rest[(at + 1)...], as: UTF8.self)
    }

    private static func firstRange(of needle: [UInt8], in bytes: [UInt8]) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: needle) }
    }
}
