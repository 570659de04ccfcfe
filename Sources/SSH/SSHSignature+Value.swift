internal import Encodings
internal import OpenSSL

/// What a security key says of the moment of signing (openssh-portable: PROTOCOL.u2f).
package struct SecurityKeyReport: Hashable, Sendable {
    /// Bit 0: somebody touched the key; bit 2: the key made sure who (CTAP 2.1 §6.1.2).
    package let flags: UInt8
    /// How often the key has signed, as it counts. Commits come in no order that a counter could be held against, so
    /// nothing is refused by it; a count that goes down over a person's commits in order hints at a copied key.
    package let counter: UInt32

    /// Whether somebody touched the key.
    package var isUserPresent: Bool { flags & 0x01 != 0 }
    /// Whether the key asked for a PIN or a fingerprint.
    package var isUserVerified: Bool { flags & 0x04 != 0 }
}

/// What is asked of signatures by security keys.
package enum SecurityKeyUse: String, Hashable, Sendable, CaseIterable {
    /// Nothing more than of other keys.
    case any
    /// Somebody touched the key.
    case presence
    /// Somebody touched the key and gave it a PIN or a fingerprint.
    case verification
}

extension SSHSignature {
    /// The signature field's content, by the key's type.
    enum Value: Hashable, Sendable {
        /// 64 bytes.
        case ed25519([UInt8])
        /// Two positive numbers, big-endian.
        case ecdsa(r: [UInt8], s: [UInt8])
        /// As many bytes as the modulus has.
        case rsa(SignatureHash, [UInt8])
    }

    /// Reads the signature field of a signature by `key`: string algorithm, which is the key's own and for RSA one
    /// over SHA-2 (CASES F054), string bytes, and for security keys flags and counter.
    ///
    /// Throws `malformed`, or `unsupportedAlgorithm` for an algorithm that is not the key's.
    static func read(
        _ field: [UInt8], of key: SSHPublicKey
    ) throws(SSHError) -> (Value, SecurityKeyReport?) {
        let isSecurityKey = key.kind == .securityKeyEd25519 || key.kind == .securityKeyECDSA
        let algorithm: [UInt8]
        let bytes: [UInt8]
        var report: SecurityKeyReport?
        do throws(EncodingError) {
            var reader = CanonicalReader(field, "SSH signature: signature field")
            algorithm = try reader.lp(limit: 64)
            bytes = try reader.lp()
            if isSecurityKey {
                report = SecurityKeyReport(flags: try reader.uint8(), counter: try reader.uint32())
            }
            try reader.end()
        } catch {
            throw SSHError(.malformed, error.context)
        }
        func isNamed(_ name: String) -> Bool { name.utf8.elementsEqual(algorithm) }
        guard key.kind == .rsa ? isNamed(rsaSHA256) || isNamed(rsaSHA512) : isNamed(key.kind.rawValue) else {
            throw SSHError(
                .unsupportedAlgorithm, "SSH signature: signature algorithm not accepted for this key")
        }
        guard let value = value(bytes, of: key, isSHA512: isNamed(rsaSHA512)) else {
            throw SSHError(.malformed, "SSH signature: not the signature of a key of its type")
        }
        return (value, report)
    }

    private static let rsaSHA256 = "rsa-sha2-256"
    private static let rsaSHA512 = "rsa-sha2-512"

    private static func value(_ bytes: [UInt8], of key: SSHPublicKey, isSHA512: Bool) -> Value? {
        switch key.material {
        case .ed25519, .securityKeyEd25519:
            return bytes.count == 64 ? .ed25519(bytes) : nil
        case .rsa(let modulus, _):
            return bytes.count == modulus.count ? .rsa(isSHA512 ? .sha512 : .sha256, bytes) : nil
        case .ecdsa(let curve, _): return numbers(bytes, curve)
        case .securityKeyECDSA: return numbers(bytes, .p256)
        }
    }

    /// The two numbers of an ECDSA signature (RFC 5656 §3.1.2).
    private static func numbers(_ bytes: [UInt8], _ curve: ECDSA.Curve) -> Value? {
        do throws(EncodingError) {
            var reader = CanonicalReader(bytes, "SSH signature: ECDSA")
            let fields = (try reader.lp(), try reader.lp())
            try reader.end()
            guard let r = PositiveNumber.magnitude(fields.0), let s = PositiveNumber.magnitude(fields.1),
                max(r.count, s.count) <= curve.coordinateByteCount
            else { return nil }
            return .ecdsa(r: r, s: s)
        } catch {
            return nil
        }
    }
}
