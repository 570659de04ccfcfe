package import Keyrings
package import Sodium

/// Loads identities from the files that the user or the settings name.
package struct IdentityFiles: Sendable {
    /// A file that was read and holds no well-formed identity, or whose passphrase is wrong.
    package struct Refusal: Error, Sendable {
        /// The file.
        package let path: String
        /// What is wrong with it.
        package let cause: AgeError
    }

    private let files: SecretFile
    private let passphrase: @Sendable (String) throws -> SecretBytes

    /// A loader that reads through `files`; `passphrase` asks for the passphrase of the file at a path.
    package init(_ files: SecretFile, passphrase: @escaping @Sendable (String) throws -> SecretBytes) {
        self.files = files
        self.passphrase = passphrase
    }

    /// The identities of all `paths`, in order. Throws `SecretFile.Refusal`, `Refusal`, and what `passphrase` throws.
    package func load(_ paths: [String]) throws -> [X25519Identity] {
        try paths.flatMap { path in
            let content = try files.read(path, limit: IdentityFile.byteLimit)
            do {
                guard IdentityFile.isEncrypted(content) else { return try IdentityFile.parse(content) }
                return try IdentityFile.decrypt(content, passphrase: try passphrase(path))
            } catch let error as AgeError {
                throw Refusal(path: path, cause: error)
            }
        }
    }
}
