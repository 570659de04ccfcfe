internal import Encodings
package import Sodium

/// A passphrase that a file is encrypted under (C2SP age.md, "The scrypt recipient type").
package final class ScryptRecipient: AgeRecipient {
    /// log2 of the work factor that is written: about a second, and what stock age writes.
    package static let defaultLogN = 18

    private let passphrase: SecretBytes
    private let logN: Int
    package let labels: Set<String>

    /// A recipient for `passphrase` with the work factor 2^`logN` (1...22), which takes 2^`logN` KiB of memory.
    package init(passphrase: consuming SecretBytes, logN: Int = ScryptRecipient.defaultLogN) {
        precondition((1...ScryptIdentity.logNLimit).contains(logN), "scrypt work factor")
        self.passphrase = passphrase
        self.logN = logN
        // A label that nobody else has: a passphrase is the only recipient of its file.
        labels = [Hex.encode(RandomBytes.make(16))]
    }

    package func wrap(_ fileKey: borrowing FileKey) throws(AgeError) -> [Stanza] {
        let salt = RandomBytes.make(ScryptIdentity.saltByteCount)
        let key = try ScryptIdentity.wrappingKey(passphrase, salt: salt, logN: logN)
        return [
            Stanza(
                type: ScryptIdentity.stanzaType, arguments: [Base64.unpadded.encode(salt), String(logN)],
                body: fileKey.wrapped(under: key))
        ]
    }
}

/// A passphrase that opens a file (C2SP age.md, "The scrypt recipient type").
package final class ScryptIdentity: AgeIdentity {
    static let stanzaType = "scrypt"
    static let saltByteCount = 16
    /// The largest log2 of a work factor that is taken: 4 GiB of memory and some seconds, as stock age.
    package static let logNLimit = 22

    private let passphrase: SecretBytes
    private let logNLimit: Int

    /// An identity for `passphrase` that refuses work factors above 2^`logNLimit`.
    package init(passphrase: consuming SecretBytes, logNLimit: Int = ScryptIdentity.logNLimit) {
        self.passphrase = passphrase
        self.logNLimit = logNLimit
    }

    package func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
        for stanza in stanzas where stanza.type == ScryptIdentity.stanzaType {
            guard stanzas.count == 1 else { throw AgeError(.header, "a passphrase stanza has company") }
            let (salt, logN) = try parameters(of: stanza)
            let key = try ScryptIdentity.wrappingKey(passphrase, salt: salt, logN: logN)
            if let fileKey = FileKey.unwrapped(stanza.body, under: key) { return fileKey }
        }
        return nil
    }

    /// Salt and log2 of the work factor of a stanza of exactly the specified form.
    private func parameters(of stanza: Stanza) throws(AgeError) -> (salt: [UInt8], logN: Int) {
        guard stanza.arguments.count == 2 else {
            throw AgeError(.header, "scrypt stanza: number of arguments")
        }
        let salt: [UInt8]
        do {
            salt = try Base64.unpadded.decode(stanza.arguments[0])
        } catch {
            throw AgeError(.header, "scrypt stanza: malformed salt", underlying: error)
        }
        guard salt.count == ScryptIdentity.saltByteCount else {
            throw AgeError(.header, "scrypt stanza: length of the salt")
        }
        let digits = Array(stanza.arguments[1].utf8)
        guard digits.first != 0x30, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw AgeError(.header, "scrypt stanza: malformed work factor")
        }
        guard let logN = Int(stanza.arguments[1]), logN <= logNLimit else {
            throw AgeError(.header, "scrypt stanza: work factor above 2^\(logNLimit)")
        }
        guard stanza.body.count == FileKey.wrappedByteCount else {
            throw AgeError(.header, "scrypt stanza: length of the body")
        }
        return (salt, logN)
    }

    /// The key under which the file key is sealed.
    static func wrappingKey(
        _ passphrase: borrowing SecretBytes, salt: [UInt8], logN: Int
    ) throws(AgeError) -> SecretBytes {
        let salt = Array("age-encryption.org/v1/scrypt".utf8) + salt
        do {
            return try passphrase.withBytes { (passphrase) throws(SodiumError) in
                try Scrypt.derive(passphrase: passphrase, salt: salt, logN: logN)
            }
        } catch {
            throw AgeError(.unavailable, "memory for scrypt", underlying: error)
        }
    }
}
