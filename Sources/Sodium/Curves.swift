internal import CSodium

/// X25519 (RFC 7748; crypto_scalarmult_curve25519): secrets and shares of 32 bytes.
package enum X25519 {
    /// The public share of `secret`.
    package static func publicKey(of secret: RawSpan) -> [UInt8] {
        precondition(secret.byteCount == 32)
        return [UInt8].filled(count: 32) { output in
            unsafe secret.withPointer { secret, _ in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe crypto_scalarmult_curve25519_base(target, secret)
                }
            }
        }
    }

    /// The public share of `secret`.
    package static func publicKey(of secret: borrowing SecretBytes) -> [UInt8] {
        secret.withBytes { publicKey(of: $0) }
    }

    /// Writes the shared secret of `secret` and the peer's `publicKey` (32 bytes each) into `output` (32 bytes).
    /// Throws `lowOrder` where it is all zero (RFC 7748 §6.1).
    package static func agree(
        secret: RawSpan, publicKey: [UInt8], into output: inout MutableRawSpan
    ) throws(SodiumError) {
        precondition(secret.byteCount == 32 && publicKey.count == 32 && output.byteCount == 32)
        let status = unsafe secret.withPointer { secret, _ in
            unsafe output.withMutablePointer { target, _ in
                unsafe crypto_scalarmult_curve25519(target, secret, publicKey)
            }
        }
        guard status == 0 else { throw SodiumError(.lowOrder, "X25519") }
    }

    /// The shared secret of `secret` and a share that is itself a secret (32 bytes each), in a region of its own.
    /// Throws `lowOrder` where it is all zero.
    package static func agree(
        secret: borrowing SecretBytes, share: borrowing SecretBytes
    ) throws(SodiumError) -> SecretBytes {
        precondition(secret.byteCount == 32 && share.byteCount == 32)
        return try SecretBytes(byteCount: 32) { (output) throws(SodiumError) in
            let status = secret.withBytes { secret in
                share.withBytes { share in
                    unsafe secret.withPointer { secret, _ in
                        unsafe share.withPointer { share, _ in
                            unsafe output.withMutablePointer { target, _ in
                                unsafe crypto_scalarmult_curve25519(target, secret, share)
                            }
                        }
                    }
                }
            }
            guard status == 0 else { throw SodiumError(.lowOrder, "X25519") }
        }
    }

    /// The shared secret of `secret` and the peer's `publicKey`, in a region of its own.
    package static func agree(
        secret: borrowing SecretBytes, publicKey: [UInt8]
    ) throws(SodiumError) -> SecretBytes {
        try SecretBytes(byteCount: 32) { (output) throws(SodiumError) in
            try secret.withBytes { (bytes) throws(SodiumError) in
                try agree(secret: bytes, publicKey: publicKey, into: &output)
            }
        }
    }
}

/// Ed25519 (RFC 8032; crypto_sign_ed25519): 32-byte seeds and public keys, 64-byte signatures.
package enum Ed25519 {
    /// The public key of `seed`.
    package static func publicKey(of seed: borrowing SecretBytes) -> [UInt8] {
        KeyPair(seed: seed).publicKey
    }

    /// Whether `signature` over `message` was made with the key of `publicKey`. Wrong lengths are a plain no;
    /// libsodium refuses small-order keys and non-canonical scalars.
    package static func verify(_ signature: [UInt8], message: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == 64, publicKey.count == 32 else { return false }
        return unsafe crypto_sign_ed25519_verify_detached(
            signature, message, UInt64(message.count), publicKey) == 0
    }

    /// The X25519 share that belongs to an Ed25519 `publicKey` (crypto_sign_ed25519_pk_to_curve25519). Throws
    /// `lowOrder` where the key is no point of the main subgroup.
    package static func montgomery(_ publicKey: [UInt8]) throws(SodiumError) -> [UInt8] {
        precondition(publicKey.count == 32)
        var status: Int32 = -1
        let share = [UInt8].filled(count: 32) { output in
            status = unsafe output.withMutablePointer { target, _ in
                unsafe crypto_sign_ed25519_pk_to_curve25519(target, publicKey)
            }
        }
        guard status == 0 else { throw SodiumError(.lowOrder, "Ed25519") }
        return share
    }

    /// A signing key expanded from its seed.
    package struct KeyPair: ~Copyable, Sendable {
        private let secret: SecretBytes
        /// The 32-byte public key.
        package let publicKey: [UInt8]

        /// The pair of a 32-byte `seed`.
        package init(seed: borrowing SecretBytes) {
            precondition(seed.byteCount == 32)
            var publicKey: [UInt8] = []
            secret = seed.withBytes { seed in
                SecretBytes(byteCount: 64) { output in
                    publicKey = [UInt8].filled(count: 32) { share in
                        unsafe seed.withPointer { seed, _ in
                            unsafe output.withMutablePointer { secret, _ in
                                unsafe share.withMutablePointer { share, _ in
                                    _ = unsafe crypto_sign_ed25519_seed_keypair(share, secret, seed)
                                }
                            }
                        }
                    }
                }
            }
            self.publicKey = publicKey
        }

        /// The 32-byte X25519 secret that belongs to the pair, SHA-512 of the seed
        /// (crypto_sign_ed25519_sk_to_curve25519); its share is `montgomery(publicKey)`.
        package func montgomerySecret() -> SecretBytes {
            secret.withBytes { secret in
                SecretBytes(byteCount: 32) { output in
                    unsafe secret.withPointer { secret, _ in
                        unsafe output.withMutablePointer { target, _ in
                            _ = unsafe crypto_sign_ed25519_sk_to_curve25519(target, secret)
                        }
                    }
                }
            }
        }

        /// The deterministic 64-byte signature over `message`.
        package func sign(_ message: [UInt8]) -> [UInt8] {
            [UInt8].filled(count: 64) { output in
                secret.withBytes { secret in
                    unsafe secret.withPointer { secret, _ in
                        unsafe output.withMutablePointer { target, _ in
                            _ = unsafe crypto_sign_ed25519_detached(
                                target, nil, message, UInt64(message.count), secret)
                        }
                    }
                }
            }
        }
    }
}
