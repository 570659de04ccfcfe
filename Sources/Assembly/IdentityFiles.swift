internal import Files
package import Keyrings
package import Sodium

/// Loads identities from the files that the user or the settings name.
package struct IdentityFiles: Sendable {
    private let user: UInt32
    private let allowExposed: Bool
    private let passphrase: @Sendable (String) throws -> SecretBytes

    /// A loader for the process of `user` (geteuid(2)); `passphrase` asks for the passphrase of the file at a path.
    /// `allowExposed` lets files pass that others can read: the user's explicit word.
    package init(
        user: UInt32, allowExposed: Bool = false,
        passphrase: @escaping @Sendable (String) throws -> SecretBytes
    ) {
        self.user = user
        self.allowExposed = allowExposed
        self.passphrase = passphrase
    }

    /// The identities of all `paths`, in order. Throws `AgeError`, and what `passphrase` throws.
    package func load(_ paths: [String]) throws -> [MemberIdentity] {
        try paths.flatMap { path in
            let content = try read(path)
            do throws(AgeError) {
                guard MemberIdentity.isEncrypted(content) else { return try MemberIdentity.parse(content) }
            } catch {
                throw AgeError(error.code, "\(path): \(error.context)", underlying: error)
            }
            let secret = try passphrase(path)
            do throws(AgeError) {
                return try IdentityFile.decrypt(content, passphrase: secret).map { .x25519($0) }
            } catch {
                let what = error.code == .noMatch ? "wrong passphrase" : error.context
                throw AgeError(error.code, "\(path): \(what)", underlying: error)
            }
        }
    }

    /// The content of a key file, be it of identities or of an SSH key. Throws `AgeError`.
    package func read(_ path: String) throws(AgeError) -> SecretBytes {
        try IdentityFile.read(Path(path), user: user, allowingExposure: allowExposed)
    }
}
