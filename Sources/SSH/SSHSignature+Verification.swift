internal import Encodings
internal import OpenSSL
internal import Sodium

extension SSHSignature {
    /// The key that signed `message` in `namespace`.
    ///
    /// Throws `wrongNamespace` where the signature is for another one, `weakKey` where its key is an RSA key below
    /// `SSHPublicKey.leastModulusBitCount`, `userNotPresent` where a security key was used otherwise than `use` asks,
    /// `badSignature` where it doesn't fit. Whether the key may sign is for the caller to ask (`AllowedSigners`, a
    /// chain's admins).
    package func verify(
        message: [UInt8], namespace: String, securityKeys use: SecurityKeyUse = .presence
    ) throws(SSHError) -> SSHPublicKey {
        guard self.namespace.elementsEqual(namespace.utf8) else {
            throw SSHError(.wrongNamespace, "SSH signature: made for another namespace")
        }
        guard publicKey.isSupported else {
            throw SSHError(.weakKey, "SSH signature: by an RSA key that is too weak")
        }
        guard fits(SSHSignature.signedBytes(message, self.namespace, hashAlgorithm)) else {
            throw SSHError(.badSignature, "SSH signature: does not fit message and key")
        }
        if let securityKey {
            guard use == .any || securityKey.isUserPresent else {
                throw SSHError(.userNotPresent, "SSH signature: nobody touched the security key")
            }
            guard use != .verification || securityKey.isUserVerified else {
                throw SSHError(.userNotPresent, "SSH signature: the security key did not verify its user")
            }
        }
        return publicKey
    }

    /// Whether the signature is one over `message` by its own key.
    private func fits(_ message: [UInt8]) -> Bool {
        switch (publicKey.material, value) {
        case (.ed25519(let key), .ed25519(let bytes)):
            return Ed25519.verify(bytes, message: message, publicKey: key)
        case (.securityKeyEd25519(let key, let application), .ed25519(let bytes)):
            return Ed25519.verify(bytes, message: onSecurityKey(message, application), publicKey: key)
        case (.ecdsa(let curve, let point), .ecdsa(let r, let s)):
            // RFC 5656 §6.2.1: the hash follows from the curve.
            let hash: SignatureHash =
                switch curve {
                case .p256: .sha256
                case .p384: .sha384
                case .p521: .sha512
                }
            return ECDSA.verify(r: r, s: s, message: message, point: point, curve: curve, hash: hash)
        case (.securityKeyECDSA(let point, let application), .ecdsa(let r, let s)):
            return ECDSA.verify(
                r: r, s: s, message: onSecurityKey(message, application), point: point, curve: .p256,
                hash: .sha256)
        case (.rsa(let modulus, let exponent), .rsa(let hash, let bytes)):
            return RSA.verify(bytes, message: message, modulus: modulus, exponent: exponent, hash: hash)
        default:
            return false
        }
    }

    /// What a security key signs in the place of `message` (PROTOCOL.u2f, "SSH U2F Signatures").
    private func onSecurityKey(_ message: [UInt8], _ application: [UInt8]) -> [UInt8] {
        guard let securityKey else { return [] }
        var writer = CanonicalWriter()
        writer.raw(SHA256.hash(application))
        writer.uint8(securityKey.flags)
        writer.uint32(securityKey.counter)
        writer.raw(SHA256.hash(message))
        return writer.bytes
    }
}
