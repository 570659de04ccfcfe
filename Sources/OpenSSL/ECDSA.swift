/// ECDSA over the NIST curves (FIPS 186-5 §6.4), verifying alone.
package enum ECDSA {
    /// A curve (FIPS 186-5, SP 800-186 §3.2.1).
    package enum Curve: Sendable, CaseIterable {
        /// P-256 (secp256r1).
        case p256
        /// P-384 (secp384r1).
        case p384
        /// P-521 (secp521r1).
        case p521

        /// How long a coordinate is, and at most a half of a signature.
        package var coordinateByteCount: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }

        /// How long an uncompressed point is (SEC 1 §2.3.3): 0x04 and both coordinates.
        package var pointByteCount: Int { 1 + 2 * coordinateByteCount }

        /// The curve's identifier (RFC 5480 §2.1.1.1).
        fileprivate var arcs: [UInt8] {
            switch self {
            case .p256: [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
            case .p384: [0x2B, 0x81, 0x04, 0x00, 0x22]
            case .p521: [0x2B, 0x81, 0x04, 0x00, 0x23]
            }
        }
    }

    /// Whether the two numbers of a signature (big-endian, of any length) are one over `message` by the key of the
    /// uncompressed `point`. A point of another form or off the curve, and numbers that are zero or not below the
    /// group's order, are a plain no.
    package static func verify(
        r: [UInt8], s: [UInt8], message: [UInt8], point: [UInt8], curve: Curve, hash: SignatureHash
    ) -> Bool {
        guard point.count == curve.pointByteCount, point.first == 0x04,
            let key = PublicKey(subjectPublicKeyInfo: info(point, curve))
        else { return false }
        let signature = DER.sequence(DER.integer(r), DER.integer(s))
        return key.verifies(signature, message: message, hash: hash)
    }

    /// RFC 5480 §2: id-ecPublicKey with the curve's name.
    private static func info(_ point: [UInt8], _ curve: Curve) -> [UInt8] {
        let algorithm = DER.objectIdentifier([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01])
        return DER.sequence(
            DER.sequence(algorithm, DER.objectIdentifier(curve.arcs)), DER.bitString(point))
    }
}
