internal import Encodings
internal import Sodium

/// H (BLAKE2b-256) of a header's exact bytes; of the first header, it names the root of trust of a whole chain.
package struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes.
    package let bytes: [UInt8]

    /// The fingerprint of a header's bytes.
    package init(of header: [UInt8]) {
        bytes = BLAKE2b.hash(header)
    }

    /// The fingerprint that `text` spells: exactly 64 lower-case hex digits. Throws `badFingerprint`.
    package init(text: String) throws(TrustError) {
        do {
            bytes = try Hex.decode(text)
        } catch {
            throw TrustError(.badFingerprint, "fingerprint: expected 64 hex digits", underlying: error)
        }
        guard bytes.count == Fingerprint.byteCount else {
            throw TrustError(.badFingerprint, "fingerprint: expected 64 hex digits")
        }
    }

    /// 64 lower-case hex digits.
    package var description: String { Hex.encode(bytes) }

    /// The first 16 hex digits in groups of four, for people to compare at a glance: never read back.
    package var short: String {
        let digits = Hex.encode(bytes.prefix(8))
        return stride(from: 0, to: 16, by: 4).map { String(digits.dropFirst($0).prefix(4)) }
            .joined(separator: "-")
    }

    /// Bytes of a fingerprint.
    package static let byteCount = 32
}
