internal import Encodings
internal import Sodium

/// The age file that carries an epoch's identity to the members (FORMAT.md §3).
///
/// It is an ordinary age file, so that stock age opens it in an emergency. What is particular about it can only
/// be seen from inside: the ephemeral keys of the stanzas derive from the file key, so that whoever opens it can
/// make every stanza again and find one that belongs to nobody on the list.
enum WrappedIdentity {
    /// HKDF's info for the ephemeral keys.
    private static let ephemeralInfo = "strongroom/keyring-ephemeral/v1"
    /// The identity's text and a line feed.
    private static let plaintextByteCount = X25519Identity.textByteCount + 1
    /// Nonce and tag of a payload of one chunk (C2SP age.md, "Payload").
    private static let payloadOverhead = 16 + 16

    /// Wraps `identity` to `readers` under a fresh file key: one stanza a member, in order.
    static func wrap(_ identity: X25519Identity, to readers: [Member]) throws(KeyringError) -> [UInt8] {
        let fileKey = FileKey()
        let stanzas = try stanzas(fileKey, readers)
        let text = identity.encoded()
        let plaintext = SecretBytes(byteCount: plaintextByteCount) { output in
            text.withBytes { $0.copy(into: &output) }
            output.storeBytes(of: 0x0A, toByteOffset: plaintextByteCount - 1, as: UInt8.self)
        }
        do {
            return try plaintext.withBytes { (bytes) throws(AgeError) in
                try Age.encrypt(bytes, with: AgeEncryptor(fileKey: fileKey, stanzas: stanzas))
            }
        } catch {
            throw KeyringError(.badMember, "members: \(error.context)", underlying: error)
        }
    }

    /// Throws `malformed` unless the wrapped identity of `epoch` looks as `wrap` makes it: what everybody can
    /// check without a key, the number of stanzas above all.
    static func checkShape(_ epoch: KeyEpoch, readers: [Member]) throws(KeyringError) {
        let name = "epoch \(epoch.number)"
        let header: AgeHeader
        do {
            header = try epoch.wrappedIdentity.withBytes { (file) throws(AgeError) in
                try AgeHeader(parsing: file)
            }
        } catch {
            throw KeyringError(
                .malformed, "\(name): the wrapped identity is no age file (\(error.context))",
                underlying: error)
        }
        guard !readers.isEmpty, header.stanzas.count == readers.count,
            zip(readers, header.stanzas).allSatisfy({ $0.recipient.hasShape(of: $1) })
        else {
            throw KeyringError(
                .malformed, "\(name): the wrapped identity has other recipients than the list of members")
        }
        let byteCount = header.encoded.count + plaintextByteCount + payloadOverhead
        guard epoch.wrappedIdentity.count == byteCount else {
            throw KeyringError(.malformed, "\(name): the wrapped identity holds something else")
        }
    }

    /// The identity of `epoch`, opened with one of its readers' `identities`.
    ///
    /// Throws `forged` where the stanzas are not exactly those of `readers` in their order, where the file
    /// doesn't open, or where the identity inside is not the one of the epoch's public key.
    static func open(
        _ epoch: KeyEpoch, readers: [Member], with identities: [MemberIdentity]
    ) throws(KeyringError) -> X25519Identity {
        let name = "epoch \(epoch.number)"
        let identity: X25519Identity
        do throws(AgeError) {
            let header = try epoch.wrappedIdentity.withBytes { (file) throws(AgeError) in
                try AgeHeader(parsing: file)
            }
            let fileKey = try header.unwrap(with: identities)
            let expected: [Stanza]
            do throws(KeyringError) {
                expected = try stanzas(fileKey, readers)
            } catch {
                throw AgeError(.recipient, error.context, underlying: error)
            }
            guard header.stanzas == expected else {
                throw AgeError(.recipient, "its recipients are not the members of the list")
            }
            let plaintext = try Age.decrypt(epoch.wrappedIdentity, with: [KnownFileKey(fileKey)])
            identity = try plaintext.withBytes { (text) throws(AgeError) in
                guard text.byteCount == plaintextByteCount, text[plaintextByteCount - 1] == 0x0A else {
                    throw AgeError(.identity, "it holds no identity")
                }
                return try X25519Identity(text: text.extracting(first: plaintextByteCount - 1))
            }
        } catch {
            throw KeyringError(
                .forged, "\(name): the wrapped identity is not to be trusted: \(error.context)",
                underlying: error)
        }
        guard identity.recipient == epoch.recipient else {
            throw KeyringError(
                .forged, "\(name): the wrapped identity is another one than the epoch's public key says")
        }
        return identity
    }

    /// The stanza of each reader, in order. Throws `badMember`, naming the one whose key can't be used.
    private static func stanzas(
        _ fileKey: borrowing FileKey, _ readers: [Member]
    ) throws(KeyringError) -> [Stanza] {
        var stanzas: [Stanza] = []
        for member in readers {
            do {
                stanzas.append(try member.recipient.wrap(fileKey, ephemeralInfo: ephemeralInfo))
            } catch {
                throw KeyringError(.badMember, "member \(member.name): \(error.context)", underlying: error)
            }
        }
        return stanzas
    }
}
