internal import Encodings
internal import SSH

/// What an epoch's identity is wrapped to for a member: an age key, an SSH key, or another environment's key.
package enum MemberRecipient: Hashable, Sendable {
    /// `age1…`
    case x25519(X25519Recipient)
    /// `ssh-ed25519 base64`
    case sshEd25519(SSHEd25519Recipient)
    /// The key of an epoch of another environment, whose members can open through it (FORMATS: keyring, 1.5).
    case environment(EnvironmentPublicKey)

    /// The word before the name of an environment in the text.
    private static let environmentWord = "environment"

    /// The recipient that `text` encodes: `age1…`, an SSH public key line, or `environment NAME-EPOCH age1…`
    /// (FORMAT.md §2.2). Throws `recipient` and says what is wrong, never what was given.
    package init(text: String) throws(AgeError) {
        let word = text.prefix { $0 != " " }
        if word == MemberRecipient.environmentWord {
            self = .environment(try MemberRecipient.environment(text.dropFirst(word.count + 1)))
        } else if SSHPublicKey.Kind(rawValue: String(word)) != nil {
            self = .sshEd25519(try SSHEd25519Recipient(text: text))
        } else {
            self = .x25519(try X25519Recipient(text: text))
        }
    }

    /// The one text of the recipient; an SSH key's comment is no part of it.
    package var text: String {
        switch self {
        case .x25519(let recipient): recipient.text
        case .sshEd25519(let recipient): recipient.text
        case .environment(let key):
            "\(MemberRecipient.environmentWord) \(key.environment)-\(key.epoch) \(key.recipient.text)"
        }
    }

    /// The word for people: `age`, `ssh` or `environment`.
    package var kind: String {
        switch self {
        case .x25519: "age"
        case .sshEd25519: "ssh"
        case .environment: MemberRecipient.environmentWord
        }
    }

    /// The bytes that identify the key: 32 of X25519, or SSH's wire form.
    package var wire: [UInt8] {
        switch self {
        case .x25519(let recipient): recipient.publicKey
        case .sshEd25519(let recipient): recipient.wire
        case .environment(let key): key.key
        }
    }

    /// The environment whose key it is; nil for the key of a person or machine.
    package var environment: String? {
        guard case .environment(let key) = self else { return nil }
        return key.environment
    }

    /// The key, for age.
    package var ageRecipient: any AgeRecipient {
        switch self {
        case .x25519(let recipient): recipient
        case .sshEd25519(let recipient): recipient
        case .environment(let key): key.recipient
        }
    }

    /// The stanza that carries `fileKey` with the ephemeral secret that derives from it by `info`.
    func wrap(_ fileKey: borrowing FileKey, ephemeralInfo info: String) throws(AgeError) -> Stanza {
        switch self {
        case .x25519(let recipient): try recipient.wrap(fileKey, ephemeralInfo: info)
        case .sshEd25519(let recipient): try recipient.wrap(fileKey, ephemeralInfo: info)
        case .environment(let key): try key.recipient.wrap(fileKey, ephemeralInfo: info)
        }
    }

    /// Whether `stanza` looks like one that `wrap` makes: all that can be said without a key.
    func hasShape(of stanza: Stanza) -> Bool {
        switch self {
        case .x25519, .environment:
            stanza.type == X25519Recipient.stanzaType && stanza.arguments.count == 1
        case .sshEd25519(let recipient):
            stanza.type == SSHEd25519Recipient.stanzaType && stanza.arguments.count == 2
                && stanza.arguments[0] == recipient.tag
        }
    }

    /// The key of `NAME-EPOCH age1…`, in exactly that form.
    private static func environment(_ text: Substring) throws(AgeError) -> EnvironmentPublicKey {
        let malformed = AgeError(.recipient, "expected 'environment NAME-EPOCH age1…'")
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let dash = words[0].lastIndex(of: "-") else { throw malformed }
        let (name, digits) = (String(words[0][..<dash]), words[0][words[0].index(after: dash)...])
        guard (try? EnvironmentName.check(name)) != nil, let epoch = UInt64(digits),
            (1...KeyEpoch.numberLimit).contains(epoch), String(epoch) == digits
        else { throw malformed }
        return EnvironmentPublicKey(
            environment: name, epoch: epoch, recipient: try X25519Recipient(text: String(words[1])))
    }
}
