/// What gpgv says about one signature on its status descriptor (GnuPG: doc/DETAILS, "Format of the --status-fd output").
///
/// Nothing but a single good signature passes: one GOODSIG and one VALIDSIG, of one key, and beside them only lines that
/// are known to take nothing away. gpgv's exit status alone says less: it is 0 for expired and revoked keys, too.
struct OpenPGPStatus {
    /// Why a signature does not count.
    enum Refusal: Error, Equatable {
        /// It does not fit, can't be checked, or gpgv said something else than about one good signature.
        case bad
        /// No key of the keyring made it.
        case unknownKey
        /// The key or the signature has expired.
        case expired
        /// The key was revoked.
        case revoked
    }

    /// The fingerprint of the key that signed, upper-case hex digits.
    let fingerprint: String
    /// The fingerprint of the primary key that it belongs to.
    let primaryFingerprint: String

    /// Lines that may stand beside a good signature.
    private static let harmless: Set<String> = [
        "KEY_CONSIDERED", "SIG_ID", "NOTATION_NAME", "NOTATION_FLAGS", "NOTATION_DATA", "POLICY_URL",
        "VERIFICATION_COMPLIANCE_MODE",
    ]

    /// Reads all that gpgv printed on the descriptor. Throws the refusal that it comes to.
    init(parsing output: [UInt8]) throws(Refusal) {
        var counts: [String: Int] = [:]
        var good: Substring?
        var valid: [Substring] = []
        var isHarmless = true
        guard output.last == 0x0A else { throw .bad }
        for line in output.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false) {
            let words = String(decoding: line, as: UTF8.self).split(
                separator: " ", omittingEmptySubsequences: false)
            guard words.count > 1, words[0] == "[GNUPG:]" else { throw .bad }
            let keyword = String(words[1])
            counts[keyword, default: 0] += 1
            switch keyword {
            case "NEWSIG": break
            case "GOODSIG": good = words.count > 2 ? words[2] : ""
            case "VALIDSIG": valid = Array(words.dropFirst(2))
            default: if !OpenPGPStatus.harmless.contains(keyword) { isHarmless = false }
            }
        }
        if counts["REVKEYSIG"] != nil { throw .revoked }
        if counts["EXPKEYSIG"] != nil || counts["EXPSIG"] != nil { throw .expired }
        if counts["NO_PUBKEY"] != nil, counts["BADSIG"] == nil { throw .unknownKey }
        guard isHarmless, counts["NEWSIG"] == 1, counts["GOODSIG"] == 1, counts["VALIDSIG"] == 1 else {
            throw .bad
        }
        // fingerprint, date, time, expiry, version, reserved, key algorithm, hash algorithm, class, primary
        guard valid.count == 10, let good, valid[4] == "4", ["1", "19", "22"].contains(valid[6]),
            ["8", "9", "10"].contains(valid[7]), valid[8] == "00",
            OpenPGPSigners.isFingerprint(String(valid[0])), OpenPGPSigners.isFingerprint(String(valid[9])),
            good.utf8.count == 16, valid[0].hasSuffix(good)
        else { throw .bad }
        fingerprint = String(valid[0])
        primaryFingerprint = String(valid[9])
    }
}
