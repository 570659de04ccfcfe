internal import Encodings
package import Files
internal import Processes

/// The OpenPGP keys whose signatures approve commits, and gpgv, which verifies them.
package struct OpenPGPSigners: Sendable {
    /// A key that may sign.
    package struct Key: Hashable, Sendable {
        /// The fingerprint of the primary key, which stands for its signing subkeys too, or of one subkey alone: 40
        /// upper-case hex digits.
        package let fingerprint: String
        /// The comma-separated patterns of principals that the key signs for, as in an allowed_signers file; nil where it
        /// signs for nobody by name.
        package let principals: String?

        /// A key of a fingerprint as gpg prints it: 40 hex digits in either case, with or without spaces. Throws
        /// `signersUnusable`.
        package init(fingerprint text: String, principals: String? = nil) throws(DeliveryError) {
            let fingerprint = text.filter { $0 != " " }.uppercased()
            guard OpenPGPSigners.isFingerprint(fingerprint) else {
                throw DeliveryError(
                    .signersUnusable, "OpenPGP signers: a fingerprint is 40 hexadecimal digits, of version 4")
            }
            self.fingerprint = fingerprint
            self.principals = principals
        }
    }

    /// The program.
    package let program: Path
    /// How long it may take for one signature.
    package let deadline: Duration
    private let keyring: [UInt8]
    private let keys: [Key]

    /// The longest keyring that is taken.
    package static let keyringLimit = 16 << 20

    /// Signers out of the content of a keyring file (`gpg --export`, not armored): those of its keys that `keys` name.
    ///
    /// Throws `signersUnusable` for a keyring that is empty, armored or of another format, and for no key (F050).
    package init(
        keyring: [UInt8], keys: [Key], program: Path = "/usr/bin/gpgv", deadline: Duration = .seconds(20)
    ) throws(DeliveryError) {
        // A transferable public key begins with a packet of type 6 (RFC 9580 §4.2, §10.1).
        guard let first = keyring.first, first & 0xFC == 0x98 || first == 0xC6 else {
            throw DeliveryError(
                .signersUnusable, "OpenPGP signers: the keyring holds no key as gpg --export writes it")
        }
        guard keyring.count <= OpenPGPSigners.keyringLimit else {
            throw DeliveryError(.signersUnusable, "OpenPGP signers: the keyring is too long")
        }
        guard !keys.isEmpty else {
            throw DeliveryError(.signersUnusable, "OpenPGP signers: no key is named that may sign")
        }
        self.keyring = keyring
        self.keys = keys
        self.program = program
        self.deadline = deadline
    }

    /// The primary key's fingerprint and the principals of the allowed key that signed `object`.
    ///
    /// gpgv gets the payload, the signature packet and the keyring as unnamed files, no environment and no home
    /// directory. Throws `badSignature`, `signerNotAllowed`, and `verifierFailed` where gpgv can't be run or takes too
    /// long.
    func verify(_ object: SignedObject) throws(DeliveryError) -> (fingerprint: String, principals: String?) {
        guard let signature = OpenPGPArmor(object.armor) else {
            throw DeliveryError(.badSignature, "\(object.name): not one OpenPGP signature in its strict form")
        }
        let gpgv = ChildProgram(
            [
                "\(program)", "--status-fd", "1", "--homedir", "/nonexistent", "--weak-digest", "SHA1",
                "--enable-special-filenames", "--keyring", "/proc/self/fd/4", "--", "-&3", "-",
            ], environment: [:], timeout: deadline, grace: .seconds(1), endsGroup: true)
        let (ending, output): (ChildEnding, [UInt8])
        do throws(ProcessError) {
            (ending, output) = try ChildProcess.output(
                of: gpgv, input: object.payload, files: [signature.packet, keyring], limit: 1 << 16)
        } catch {
            throw DeliveryError(
                .verifierFailed, "\(object.name): gpgv gave no answer (\(error.context))", underlying: error)
        }
        guard case .exited(let end) = ending else {
            throw DeliveryError(.verifierFailed, "\(object.name): gpgv gave no answer and was ended")
        }
        let status: OpenPGPStatus
        do throws(OpenPGPStatus.Refusal) {
            status = try OpenPGPStatus(parsing: output)
            guard end == 0 else { throw .bad }
        } catch {
            throw OpenPGPSigners.refusal(object, error)
        }
        let names = [status.primaryFingerprint, status.fingerprint]
        guard let key = keys.first(where: { names.contains($0.fingerprint) }) else {
            throw DeliveryError(
                .signerNotAllowed, "\(object.name): the key \(names[0]) is not allowed to sign")
        }
        return (names[0], key.principals)
    }

    private static func refusal(_ object: SignedObject, _ refusal: OpenPGPStatus.Refusal) -> DeliveryError {
        let (code, words): (DeliveryError.Code, String) =
            switch refusal {
            case .bad: (.badSignature, "gpgv does not find one good OpenPGP signature")
            case .unknownKey: (.signerNotAllowed, "signed with an OpenPGP key that is not in the keyring")
            case .expired: (.signerNotAllowed, "signed with an OpenPGP key that has expired")
            case .revoked: (.signerNotAllowed, "signed with an OpenPGP key that was revoked")
            }
        return DeliveryError(code, "\(object.name): \(words)", underlying: refusal)
    }

    /// Whether `text` is the fingerprint of a key of version 4: 40 upper-case hex digits.
    static func isFingerprint(_ text: String) -> Bool {
        text.utf8.count == 40
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x46).contains($0) }
    }
}
