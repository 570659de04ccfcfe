/// Whose signatures approve a source's commits, and which objects have to carry one.
package struct SignatureSettings: Sendable, Equatable {
    /// OpenPGP keys that may sign.
    package struct OpenPGP: Sendable, Equatable {
        /// A key by its fingerprint, and the principals that it signs for.
        package struct Key: Sendable, Equatable {
            /// 40 hexadecimal digits.
            package let fingerprint: String
            /// Patterns as in an allowed_signers file; nil for a key that signs for nobody by name.
            package let principals: String?
        }

        /// The keyring file, as `gpg --export` writes it.
        package let keyring: String
        /// The keys of it that may sign.
        package let keys: [Key]
        /// The program that verifies.
        package let gpgv: String
    }

    /// Which objects have to be signed.
    package enum Extent: Sendable, Equatable {
        /// The commit that is delivered.
        case head
        /// Every commit since the last delivered one; where there is none, since this commit (40 hexadecimal digits).
        case range(since: String?)
        /// The annotated tag that the source follows.
        case tag
    }

    /// The allowed_signers file; nil where no SSH key may sign.
    package let allowedSigners: String?
    /// A file of SSH keys that may not sign any more.
    package let revokedKeys: String?
    /// The OpenPGP keys; nil where none may sign.
    package let openPGP: OpenPGP?
    /// Which objects have to be signed.
    package let extent: Extent
    /// `author`, `committer` or both: whose address the signer's principals have to include.
    package let match: [String]
    /// `presence`, `verification` or `any`: what is asked of security keys.
    package let securityKeys: String

    /// The settings of an allowed_signers file alone, for heads or ranges.
    package init(allowedSigners: String, isRange: Bool = false) {
        self.init(
            allowedSigners: allowedSigners, revokedKeys: nil, openPGP: nil,
            extent: isRange ? .range(since: nil) : .head, match: [], securityKeys: "presence")
    }

    init(
        allowedSigners: String?, revokedKeys: String?, openPGP: OpenPGP?, extent: Extent, match: [String],
        securityKeys: String
    ) {
        self.allowedSigners = allowedSigners
        self.revokedKeys = revokedKeys
        self.openPGP = openPGP
        self.extent = extent
        self.match = match
        self.securityKeys = securityKeys
    }
}
