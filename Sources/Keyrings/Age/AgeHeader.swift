internal import Encodings
internal import Sodium

/// The header of an age v1 file (C2SP age.md, "Header"): its stanzas and the MAC over them.
///
/// What parses encodes to the same bytes; the MAC is computed over the bytes as they were received.
package struct AgeHeader: Hashable, Sendable {
    /// The longest header that is read: room for hundreds of recipients of any kind, small enough to refuse a
    /// header that only wants to be long.
    package static let byteLimit = 256 << 10
    /// The most stanzas that are read: a member of each costs an X25519 agreement.
    package static let stanzaLimit = 1_000

    static let intro = Array("age-encryption.org/v1\n".utf8)
    static let end = Array("---".utf8)
    static let macByteCount = 32

    /// One or more stanzas, in order.
    package let stanzas: [Stanza]
    /// The 32-byte HMAC-SHA-256.
    package let mac: [UInt8]
    /// All bytes of the header, its last line end included.
    package let encoded: [UInt8]

    /// A header that wraps `fileKey` in `stanzas`. Throws `recipient` where there is none or where a scrypt
    /// stanza has company, `limit` where no reader of ours would take it.
    package init(stanzas: [Stanza], fileKey: borrowing FileKey) throws(AgeError) {
        guard !stanzas.isEmpty else { throw AgeError(.recipient, "no recipient") }
        guard AgeHeader.isScryptAlone(stanzas) else {
            throw AgeError(.recipient, "a passphrase must be the only recipient")
        }
        let signed = AgeHeader.intro + stanzas.flatMap(\.encoded) + AgeHeader.end
        let mac = AgeHeader.mac(of: signed, fileKey: fileKey)
        let encoded = signed + [0x20] + Base64.unpadded.encodeBytes(mac) + [0x0A]
        guard stanzas.count <= AgeHeader.stanzaLimit, encoded.count <= AgeHeader.byteLimit else {
            throw AgeError(.limit, "too many recipients")
        }
        self.init(stanzas: stanzas, mac: mac, encoded: encoded)
    }

    /// A header that was parsed.
    init(stanzas: [Stanza], mac: [UInt8], encoded: [UInt8]) {
        self.stanzas = stanzas
        self.mac = mac
        self.encoded = encoded
    }

    /// The header at the head of `file`; its length is `encoded.count`. Throws `header`, `version` or `limit`.
    package init(parsing file: RawSpan) throws(AgeError) {
        var parser = AgeHeaderParser()
        _ = try parser.push(file)
        self = try parser.finish()
    }

    /// The file key that the first of `identities` to fit unwraps, after the MAC was found to fit it. Throws
    /// `noMatch` where none fits, `hmac` where the header was changed, `header` where a stanza is malformed.
    package func unwrap(with identities: [any AgeIdentity]) throws(AgeError) -> FileKey {
        for identity in identities {
            guard let fileKey = try identity.unwrap(stanzas) else { continue }
            try verify(fileKey)
            return fileKey
        }
        throw AgeError(.noMatch, "no identity opens the file")
    }

    /// Throws `hmac` unless the MAC is the one of `fileKey`.
    package func verify(_ fileKey: borrowing FileKey) throws(AgeError) {
        let tail = 1 + Base64.unpadded.encodedCount(AgeHeader.macByteCount) + 1
        let expected = AgeHeader.mac(of: Array(encoded.dropLast(tail)), fileKey: fileKey)
        let isAuthentic = mac.withBytes { mac in expected.withBytes { Sodium.isEqual(mac, $0) } }
        guard isAuthentic else { throw AgeError(.hmac, "the header's MAC does not fit") }
    }

    /// Whether a scrypt stanza, if there is one, is the only stanza (C2SP age.md, "scrypt recipient stanza").
    static func isScryptAlone(_ stanzas: [Stanza]) -> Bool {
        stanzas.count == 1 || !stanzas.contains { $0.type == ScryptIdentity.stanzaType }
    }

    /// HMAC-SHA-256 over the header up to and including `---`.
    private static func mac(of signed: [UInt8], fileKey: borrowing FileKey) -> [UInt8] {
        HMACSHA256.authenticate(signed, key: fileKey.derive(salt: [], info: "header"))
    }
}
