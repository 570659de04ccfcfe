internal import Encodings
package import Keyrings
package import Sodium

/// Whole files as age v1 files that are bound to environment, repository and path (FORMAT.md §7).
///
/// The binding is one more stanza, which other age implementations pass over and the header's MAC covers.
package enum SealedFile {
    private static let stanzaType = "strongroom-scope"
    private static let label = "strongroom/sealed-file/v1"
    private static let ageIntro = Array("age-encryption.org/".utf8)

    /// Whether `head`, the first bytes of a file, begins as a binary age file of whatever version does.
    package static func isAgeFile(_ head: RawSpan) -> Bool {
        head.byteCount >= ageIntro.count && ageIntro.indices.allSatisfy { head[$0] == ageIntro[$0] }
    }

    /// An encryptor of the file at `path` of `repository`, for the environment of `key`. Streams in constant memory;
    /// the result is a sealed file only once `finish` has been called.
    package static func encryptor(
        to key: EnvironmentPublicKey, repository: RepositoryID, path: [UInt8]
    ) throws(SealingError) -> AgeEncryptor {
        do {
            return try AgeEncryptor(
                recipients: [key.recipient],
                extraStanzas: [
                    stanza(digest(key.environment, key.epoch, repository: repository, path: path))
                ])
        } catch {
            throw SealingError(error)
        }
    }

    /// The sealed file of `plaintext`, for files that fit in memory.
    package static func seal(
        _ plaintext: RawSpan, to key: EnvironmentPublicKey, repository: RepositoryID, path: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        let encryptor = try encryptor(to: key, repository: repository, path: path)
        do {
            return try Age.encrypt(plaintext, with: encryptor)
        } catch {
            throw SealingError(error)
        }
    }

    /// The plaintext of the sealed file `bytes`, for files that fit in memory.
    ///
    /// Throws as `SealedFileOpener`; nothing of the plaintext is then left.
    package static func open(
        _ bytes: [UInt8], with keyring: OpenedKeyring, repository: RepositoryID, path: [UInt8]
    ) throws(SealingError) -> SecretBytes {
        do throws(AgeError) {
            let header = try bytes.withBytes { (file) throws(AgeError) in try AgeHeader(parsing: file) }
            let identity = ScopedIdentity(keyring: keyring, repository: repository, path: path)
            do throws(SealingError) {
                _ = try identity.epoch(of: header)
            } catch {
                throw AgeError(.interrupted, error.context, underlying: error)
            }
            return try Age.decrypt(bytes, with: [identity], limit: bytes.count)
        } catch {
            throw SealingError(error)
        }
    }

    /// The epoch among `epochs` of `environment` that a sealed file with this `header` was sealed to at `path` of
    /// `repository`: what can be checked without a key.
    ///
    /// Throws `malformed` unless the header has exactly the two stanzas of a sealed file, `notAuthentic` where no
    /// epoch gives the digest: the file was moved, or sealed for another repository or environment.
    package static func epoch(
        of header: AgeHeader, environment: String, epochs: [UInt64], repository: RepositoryID, path: [UInt8]
    ) throws(SealingError) -> UInt64 {
        let found = try scope(of: header)
        let epoch = epochs.first { digest(environment, $0, repository: repository, path: path) == found }
        guard let epoch else {
            throw SealingError(
                .notAuthentic, "sealed file moved here, or sealed for another repository or environment")
        }
        return epoch
    }

    /// Whether the identity in `keyring` that the digest of `header` names at `path` of `repository` opens the file.
    package static func opens(
        _ header: AgeHeader, with keyring: OpenedKeyring, repository: RepositoryID, path: [UInt8]
    ) -> Bool {
        let identity = ScopedIdentity(keyring: keyring, repository: repository, path: path)
        guard (try? identity.epoch(of: header)) != nil else { return false }
        do {
            _ = try header.unwrap(with: [identity])
            return true
        } catch { return false }
    }

    /// The digest in a header of exactly the described form.
    static func scope(of header: AgeHeader) throws(SealingError) -> [UInt8] {
        let malformed = SealingError(.malformed, "age file without exactly the two stanzas of a sealed file")
        guard header.stanzas.count == 2, header.stanzas[0].type == "X25519",
            header.stanzas[1].type == stanzaType
        else { throw malformed }
        let stanza = header.stanzas[1]
        guard stanza.arguments.count == 1, stanza.body.isEmpty,
            let digest = try? Base64.unpadded.decode(stanza.arguments[0]), digest.count == 32
        else { throw malformed }
        return digest
    }

    /// H(LP of label, environment, epoch, repository id, path).
    static func digest(
        _ environment: String, _ epoch: UInt64, repository: RepositoryID, path: [UInt8]
    ) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text(label)
        writer.text(environment)
        writer.uint64(epoch)
        writer.lp(repository.bytes)
        writer.lp(path)
        return BLAKE2b.hash(writer.bytes)
    }

    private static func stanza(_ digest: [UInt8]) -> Stanza {
        Stanza(type: stanzaType, arguments: [Base64.unpadded.encode(digest)], body: [])
    }
}

/// Opens one sealed file that comes in pieces, in constant memory.
///
/// Plaintext goes to the `output` closures a chunk at a time, each authenticated; that the file is whole is known
/// only when `finish` returns: until then the caller keeps what it got out of sight, under no final name.
package struct SealedFileOpener: ~Copyable {
    private var decryptor: AgeDecryptor

    /// An opener of the file at `path` of `repository`.
    package init(keyring: OpenedKeyring, repository: RepositoryID, path: [UInt8]) {
        let identity = ScopedIdentity(keyring: keyring, repository: repository, path: path)
        decryptor = AgeDecryptor(identities: [identity]) { header in _ = try identity.epoch(of: header) }
    }

    /// Takes `ciphertext` of any length.
    ///
    /// Throws `malformed`, `unknownVersion`, `limitExceeded`, `notAuthentic` (moved, altered, truncated, sealed to
    /// another key) or `noKey`; `interrupted` where `output` throws.
    package mutating func update(
        _ ciphertext: RawSpan, into output: (RawSpan) throws -> Void
    ) throws(SealingError) {
        do {
            try decryptor.update(ciphertext, into: output)
        } catch {
            throw SealingError(error)
        }
    }

    /// Takes the end of the file. Throws as `update`.
    package mutating func finish(into output: (RawSpan) throws -> Void) throws(SealingError) {
        do {
            try decryptor.finish(into: output)
        } catch {
            throw SealingError(error)
        }
    }
}

/// The identity of the epoch that a sealed file's digest names.
private final class ScopedIdentity: AgeIdentity {
    private let keyring: OpenedKeyring
    private let repository: RepositoryID
    private let path: [UInt8]

    init(keyring: OpenedKeyring, repository: RepositoryID, path: [UInt8]) {
        self.keyring = keyring
        self.repository = repository
        self.path = path
    }

    /// The epoch that the file was sealed to. Throws as `SealedFile.epoch`.
    func epoch(of header: AgeHeader) throws(SealingError) -> UInt64 {
        try SealedFile.epoch(
            of: header, environment: keyring.environment, epochs: keyring.epochs, repository: repository,
            path: path)
    }

    func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
        // The header was admitted: its scope stanza names one of these epochs.
        for epoch in keyring.epochs.reversed() {
            guard let identity = keyring[epoch: epoch], isNamed(epoch, stanzas) else { continue }
            return try identity.unwrap(stanzas)
        }
        return nil
    }

    private func isNamed(_ epoch: UInt64, _ stanzas: [Stanza]) -> Bool {
        let digest = SealedFile.digest(keyring.environment, epoch, repository: repository, path: path)
        return stanzas.last?.arguments == [Base64.unpadded.encode(digest)]
    }
}

extension SealingError {
    /// What the age core said.
    init(_ error: AgeError) {
        // What an admission check of ours threw comes back as it was.
        if error.code == .interrupted, let cause = error.underlying as? SealingError {
            self = cause
            return
        }
        let code: Code =
            switch error.code {
            case .header, .armor, .identity: .malformed
            case .version: .unknownVersion
            case .noMatch, .hmac, .payload: .notAuthentic
            case .limit: .limitExceeded
            case .recipient: .noKey
            case .interrupted, .unavailable, .exposed, .unreadable: .interrupted
            }
        self.init(code, "age file: \(error.context)", underlying: error)
    }
}
