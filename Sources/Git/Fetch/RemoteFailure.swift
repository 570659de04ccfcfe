internal import CGit2

/// What libgit2's account of a failed exchange means: its codes say little over the network, its words more.
struct RemoteFailure {
    /// The fact, in words that say what to look at.
    let error: GitError

    /// The meaning of `cause` for a fetch from `location`.
    init(_ cause: GitError, _ location: RemoteLocation) {
        guard let failure = cause.underlying as? LibraryFailure else {
            error = cause
            return
        }
        let (code, words) = RemoteFailure.fact(failure)
        error = GitError(code ?? cause.code, "\(location): \(words)", underlying: failure)
    }

    private static func fact(_ failure: LibraryFailure) -> (GitError.Code?, String) {
        let message = failure.message
        func says(_ words: String) -> Bool { message.utf8Contains(words) }
        switch git_error_code(failure.code) {
        case GIT_ECERTIFICATE: return (.serverNotTrusted, certificate(message))
        case GIT_EAUTH: return (.authenticationFailed, "the server refuses the credentials")
        default: break
        }
        if says("cannot redirect from") || says("unexpected redirect") {
            return (.redirectRefused, "the server sends on to another place, which is refused")
        }
        if let status = number(after: "unexpected http status code: ", radix: 10, in: message) {
            switch status {
            case 404, 410: return (.repositoryMissing, "no repository there (HTTP \(status))")
            case 401, 403: return (.authenticationFailed, "the server refuses access (HTTP \(status))")
            default: return (.unreachable, "the server answers with HTTP status \(status)")
            }
        }
        if says("not appear to be a git repository")
            || says("not found") && failure.errorClass == GIT_ERROR_SSH.rawValue
        {
            return (.repositoryMissing, "no repository there")
        }
        if says("Unable to exchange encryption keys") {
            return (
                .serverNotTrusted,
                "no common algorithm or host key type with the SSH server, or a broken key exchange"
            )
        }
        if says("error parsing REF pkt-line") {
            // Longer ids, and lines of a kind that libgit2 does not know.
            return (
                .unsupportedRepository,
                "what the server lists are not the refs of a whole SHA-1 repository: SHA-256 objects, or a shallow clone"
            )
        }
        if says("failed to apply delta") { return (.brokenPack, "a broken pack") }
        if says("resolve address") { return (.unreachable, "the name can't be resolved") }
        switch git_error_t(UInt32(bitPattern: failure.errorClass)) {
        case GIT_ERROR_NOMEMORY: return (.limitExceeded, "more memory needed than allowed")
        case GIT_ERROR_SSL: return (.serverNotTrusted, "TLS failed: \(printable(message))")
        case GIT_ERROR_NET, GIT_ERROR_HTTP, GIT_ERROR_SSH:
            return (.unreachable, printable(message))
        case GIT_ERROR_OS: return (says("connect") ? .unreachable : .library, printable(message))
        case GIT_ERROR_INDEXER, GIT_ERROR_ZLIB: return (.brokenPack, "a broken pack")
        default: return (nil, printable(message))
        }
    }

    /// The bits of mbedTLS (MBEDTLS_X509_BADCERT_* of x509.h) in words.
    private static func certificate(_ message: String) -> String {
        guard let bits = number(after: "certificate is invalid: 0x", radix: 16, in: message) else {
            return "the certificate is not trusted"
        }
        let meanings: [(Int, String)] = [
            (0x01, "has expired"), (0x200, "is not valid yet"), (0x04, "is for another host"),
            (0x08, "is signed by no authority that is trusted"), (0x02, "is revoked"),
            (0x4000, "is signed with a weak hash"), (0x8000, "has a key of a kind that is not allowed"),
            (0x10000, "has a weak key"),
        ]
        let found = meanings.filter { bits & $0.0 != 0 }.map(\.1)
        return "the server's certificate "
            + (found.isEmpty ? "is not trusted" : found.joined(separator: " and "))
    }

    private static func number(after words: String, radix: Int, in message: String) -> Int? {
        let (bytes, mark) = (Array(message.utf8), Array(words.utf8))
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return nil }
        let digits = bytes[(start + mark.count)...].prefix {
            Int(String(UnicodeScalar($0)), radix: radix) != nil
        }
        return Int(String(decoding: digits, as: UTF8.self), radix: radix)
    }

    /// Words of the other side or the library: one short line without control characters.
    private static func printable(_ message: String) -> String {
        String(
            decoding: message.utf8.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
    }
}

extension String {
    fileprivate func utf8Contains(_ words: String) -> Bool {
        let (bytes, mark) = (Array(utf8), Array(words.utf8))
        return bytes.indices.contains { bytes[$0...].starts(with: mark) }
    }
}
