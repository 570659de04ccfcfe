package import SSH

extension SigningKey {
    /// The admin key that belongs to an age identity, for admins who have no SSH key (FORMAT.md §4): the
    /// Ed25519 seed is HKDF-SHA-256(the identity's 32 bytes, empty salt, info `strongroom/signing/v1`).
    package init(derivedFrom identity: X25519Identity) {
        self.init(seed: identity.derive(info: "strongroom/signing/v1"))
    }
}
