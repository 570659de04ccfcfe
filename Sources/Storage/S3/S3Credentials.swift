package import Sodium

/// What signs requests: an access key's id and its secret, with the token of a session where it has one. They belong to
/// the bucket's owner and have nothing to do with the keys of what is stored, which this module never sees.
package final class S3Credentials: Sendable {
    /// The public name of the key. Not shown in errors all the same.
    package let accessKeyID: String
    /// The secret that signatures are made with.
    let secretKey: SecretBytes
    /// The session's token, sent with each request; empty where there is none.
    let sessionToken: SecretBytes

    /// Credentials as they were found: in a file (`S3Credentials(file:profile:)`) or in variables that the caller read.
    /// Throws `credentials` for anything that can't stand in a signature or a header.
    package init(
        accessKeyID: String, secretKey: consuming SecretBytes,
        sessionToken: consuming SecretBytes = SecretBytes(byteCount: 0) { _ in }
    ) throws(StorageError) {
        // What `Credential=ID/date/…, ` is made of can't be part of it.
        guard (1...128).contains(accessKeyID.utf8.count),
            accessKeyID.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x2F && $0 != 0x2C })
        else { throw .credentials("the access key's id is empty, too long or no plain text") }
        guard (1...1024).contains(secretKey.byteCount), S3Credentials.isPrintable(secretKey) else {
            throw .credentials("the secret key is empty, too long or no plain text")
        }
        guard sessionToken.byteCount <= 16 << 10, S3Credentials.isPrintable(sessionToken) else {
            throw .credentials("the session token is too long or no plain text")
        }
        self.accessKeyID = accessKeyID
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }

    private static func isPrintable(_ secret: borrowing SecretBytes) -> Bool {
        secret.withBytes { bytes in (0..<bytes.byteCount).allSatisfy { (0x21...0x7E).contains(bytes[$0]) } }
    }
}

extension StorageError {
    static func credentials(_ reason: String) -> StorageError {
        StorageError(.credentials, name: "S3 credentials", reason: reason)
    }
}
