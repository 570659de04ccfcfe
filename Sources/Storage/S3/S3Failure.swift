import Encodings

/// Why a try of a request failed: whether another can help, and what to tell.
///
/// Of what an endpoint says only its code, its status and a region's name are shown, and those only where they have the
/// form of one: its messages repeat what it was sent, the signature and the token included.
struct S3Failure {
    /// The kind of failure for the caller.
    let code: StorageError.Code
    /// Cause and next step.
    let reason: String
    /// Whether the same request may succeed later.
    let isTemporary: Bool
    /// Whether no answer came in time, or none that is HTTP: bytes that an earlier one left behind on its connection, maybe.
    let isSilent: Bool
    /// Whether the endpoint may have done what it was asked.
    let mayHaveRun: Bool
    /// How long the endpoint asks to wait.
    let retryAfter: Duration?

    /// Whether the endpoint takes no object without a checksum.
    let wantsChecksum: Bool

    /// Whether other credentials may help.
    var isOfCredentials: Bool { code == .credentials }

    /// The failure as the caller meets it.
    func error(_ name: String) -> StorageError { StorageError(code, name: name, reason: reason) }

    /// No answer.
    init(_ failure: HTTPFailure, _ location: S3Location, attempts: Int) {
        let endpoint = location.endpoint.description
        retryAfter = nil
        wantsChecksum = false
        isTemporary = [.unreachable, .cut, .timedOut, .malformed].contains(failure.kind)
        isSilent = [.unreachable, .timedOut, .malformed].contains(failure.kind)
        mayHaveRun = [.cut, .timedOut, .malformed].contains(failure.kind)
        switch failure.kind {
        case .unreachable, .cut, .timedOut:
            code = .unreachable
            reason =
                "no answer from \(endpoint) in \(S3Failure.times(attempts)): \(failure.text); "
                + "check the endpoint and the network"
        case .untrusted:
            code = .untrusted
            reason =
                "the certificate of \(endpoint) is not trusted: \(failure.text); "
                + "if it is yours, name the file of its CA's certificate in the store's settings"
        case .malformed:
            code = .invalidAnswer
            reason = "\(endpoint) does not answer as S3 does: \(failure.text)"
        case .tooLarge:
            code = .limit
            reason = "larger than allowed: \(failure.text)"
        case .cancelled:
            code = .cancelled
            reason = "cancelled"
        case .library:
            code = .unsupported
            reason = "no HTTP: \(failure.text)"
        }
    }

    /// An answer that is neither success nor accepted.
    init(_ answer: HTTPAnswer, _ location: S3Location, skew: Duration?, attempts: Int) {
        let document = XMLElement.parse(answer.body)
        let said = document.flatMap { $0.name == "Error" ? S3Failure.word($0["Code"]?.text) : nil }
        let region = S3Failure.region(answer.headers["x-amz-bucket-region"] ?? document?["Region"]?.text)
        self.init(
            status: answer.status, said: said, region: region, location, skew: skew, attempts: attempts,
            retryAfter: S3Failure.retryAfter(answer.headers),
            wantsChecksum: answer.status == 400
                && document?["Message"].map { $0.text.contains("Content-MD5") } == true)
    }

    /// What `status` and the code that the endpoint `said` with it mean.
    init(
        status: Int, said: String?, region: String? = nil, _ location: S3Location, skew: Duration? = nil,
        attempts: Int = 1, retryAfter: Duration? = nil, wantsChecksum: Bool = false
    ) {
        let endpoint = location.endpoint.description
        let shown = said.map { "\(status) \($0)" } ?? "\(status)"
        self.retryAfter = retryAfter
        self.wantsChecksum = wantsChecksum
        isSilent = false
        mayHaveRun = status >= 500 && status != 501
        isTemporary = S3Failure.isTemporary(status, said)
        switch (status, said) {
        case _ where isTemporary && (status == 429 || status == 503 || said == "SlowDown"):
            code = .busy
            reason =
                "\(endpoint) is overloaded (\(shown)) after \(S3Failure.times(attempts)); try again later"
        case _ where isTemporary:
            code = .io
            reason = "\(endpoint) failed (\(shown)) after \(S3Failure.times(attempts)); try again later"
        case (_, "NoSuchBucket"):
            code = .bucketMissing
            reason =
                "there is no bucket \(location.bucket) at \(endpoint) (\(shown)); create it, or correct the URL"
        case (404, _):
            (code, reason) = (.notFound, "not found (\(shown))")
        case (_, "RequestTimeTooSkewed"), (_, "RequestExpired"):
            code = .clockSkew
            reason = "this machine's clock is \(S3Failure.skew(skew)) (\(shown)); set it right and try again"
        case (_, let said?) where S3Failure.credentialCodes.contains(said):
            code = .credentials
            reason =
                "\(endpoint) does not accept the credentials (\(shown)); check the access key, its secret and "
                + "the session token"
        case (301...308, _), (_, "AuthorizationHeaderMalformed"), (_, "IllegalLocationConstraintException"):
            code = .redirected
            if let region, region != location.region {
                reason =
                    "the bucket lies in the region \(region), not in \(location.region) (\(shown)); "
                    + "set region=\(region)"
            } else {
                reason =
                    "\(endpoint) sends the request on to somewhere else (\(shown)), which is not followed; "
                    + "name the bucket's own endpoint and region"
            }
        case (507, _), (_, "QuotaExceeded"), (_, "XMinioStorageFull"), (_, "XMinioAdminBucketQuotaExceeded"),
            (_, "QuotaLimitExceeded"), (_, "InsufficientStorage"):
            code = .noSpace
            reason = "no space left at \(endpoint) (\(shown)); make room or raise the quota"
        case (401, _), (403, _), (_, "AccessDenied"):
            code = .permission
            reason =
                "\(endpoint) refuses it (\(shown)); the access key needs s3:ListBucket, s3:GetObject, "
                + "s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload here, and no lock may stand in the way"
        case (412, _):
            (code, reason) = (.exists, "exists already (\(shown))")
        case (405, _), (501, _), (_, "NotImplemented"):
            code = .unsupported
            reason = S3Failure.unsupported(endpoint, shown)
        case _ where wantsChecksum:
            code = .unsupported
            reason = S3Failure.unsupported(endpoint, shown)
        default:
            code = .io
            reason = "\(endpoint) refuses the request (\(shown))"
        }
    }

    /// Codes and statuses after which the same request can succeed (Amazon S3 API Reference, "Error responses").
    private static func isTemporary(_ status: Int, _ said: String?) -> Bool {
        if let said, temporaryCodes.contains(said) { return true }
        guard said != "QuotaExceeded", said != "XMinioStorageFull" else { return false }
        return [408, 429, 500, 502, 503, 504].contains(status)
    }

    private static let temporaryCodes: Set<String> = [
        "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted",
        "ConditionalRequestConflict", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch",
        "RequestThrottled",
    ]

    private static let credentialCodes: Set<String> = [
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
        "InvalidSecurity", "NotSignedUp", "AccountProblem", "InvalidClientTokenId",
    ]

    /// A code as S3 has them; nil for anything else that an endpoint may have written there.
    static func word(_ text: String?) -> String? {
        guard let text, (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ S3Encoding.isUnreserved($0) && $0 != 0x7E })
        else { return nil }
        return text
    }

    private static func region(_ text: String?) -> String? {
        guard let text, (1...64).contains(text.utf8.count), text.utf8.allSatisfy(S3Location.isOfRegion) else {
            return nil
        }
        return text
    }

    /// What `Retry-After` says, as seconds or as a date of the endpoint's own clock (RFC 9110 §10.2.3).
    private static func retryAfter(_ headers: [String: String]) -> Duration? {
        guard let text = headers["retry-after"] else { return nil }
        if let seconds = UInt32(text) { return .seconds(seconds) }
        guard let end = HTTPDate.parse(text), let now = headers["date"].flatMap(HTTPDate.parse) else {
            return nil
        }
        return .seconds(max(0, end.seconds - now.seconds))
    }

    private static func times(_ count: Int) -> String { count == 1 ? "1 try" : "\(count) tries" }

    private static func unsupported(_ endpoint: String, _ shown: String) -> String {
        "\(endpoint) does not take such a request (\(shown)); strongroom store probe tells what it lacks"
    }

    private static func skew(_ skew: Duration?) -> String {
        guard let seconds = skew?.components.seconds, seconds != 0 else {
            return "too far from the endpoint's"
        }
        return "\(seconds.magnitude) s \(seconds > 0 ? "ahead of" : "behind") the endpoint's"
    }
}
