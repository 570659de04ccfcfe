package import SSH

/// Which commits count as approved.
package enum SignaturePolicy: Sendable {
    /// Every commit of the source: said in words, never by default.
    case none
    /// Commits that one of these keys signed in the namespace `git`. With `range`, every commit since the last
    /// one that was delivered must be signed so; without, the head alone.
    case allowedSigners(AllowedSigners, range: Bool)

    /// The policy of an allowed_signers file's content. `zoneOffset` as in `AllowedSigners`.
    ///
    /// Throws `signersUnusable` for a file that is empty or malformed in any line: nobody is allowed then (F050).
    package static func allowedSigners(
        parsing text: [UInt8], range: Bool, zoneOffset: (_ localSeconds: Int64) -> Int64 = { _ in 0 }
    ) throws(DeliveryError) -> SignaturePolicy {
        do {
            return .allowedSigners(try AllowedSigners(parsing: text, zoneOffset: zoneOffset), range: range)
        } catch {
            throw DeliveryError(.signersUnusable, error.context, underlying: error)
        }
    }
}
