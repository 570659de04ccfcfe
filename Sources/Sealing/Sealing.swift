// Sealing: what stands in Git in place of a secret, and the rules that say where.
//
// `Rules` (.strongroom.yaml) choose values and files. `DocumentSealer` puts a `SealedToken` in place of each
// chosen scalar, `DocumentOpener` puts the scalars back, all or none, and has Documents prove that nothing but
// those scalars changed. `SealedValue` is the cryptography of one token, `Coordinates` the bytes of the place it
// is bound to, `SealedFile` a whole file as an age file bound to repository and path. FORMAT.md beside this
// file describes all of it to the byte.

/// Limits of the formats (FORMAT.md §8).
package enum SealingLimit {
    /// Bytes of one sealed scalar's source text: a value, not a file; files have `sealed: file`.
    package static let sourceByteCount = 1 << 20
    /// Bytes of `.strongroom.yaml`.
    package static let rulesByteCount = 1 << 20
}
