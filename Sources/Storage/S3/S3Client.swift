import Encodings
import OpenSSL
import Sodium
import Synchronization

/// A request to a bucket, before it is signed.
struct S3Call {
    let method: HTTPMethod
    /// The object's whole key; nil for the bucket.
    let key: String?
    var query: [(String, String)] = []
    var headers: [HTTPHeader] = []
    var body: ArraySlice<UInt8> = []
    /// The longest body of a success.
    var answerLimit = S3Call.documentLimit
    /// The statuses, beside those of success, that the caller makes sense of.
    var accepted: Set<Int> = []
    /// How many bytes the answer is expected to have, for the deadline.
    var expectedByteCount = 0

    init(_ method: HTTPMethod, _ key: String?, query: [(String, String)] = []) {
        self.method = method
        self.key = key
        self.query = query
    }

    /// A page of 1,000 keys of 1,024 bytes, all of them encoded, takes 4 MB.
    static let documentLimit = 8 << 20
}

/// What came back.
struct S3Answer {
    let answer: HTTPAnswer
    /// Whether an earlier try of the same call may have been carried out, its answer lost.
    let mayRepeat: Bool

    var status: Int { answer.status }

    /// A header by its lower-case name.
    subscript(header: String) -> String? { answer.headers[header] }
}

/// Signs requests, sends them, and sends them again where that can help.
final class S3Client: Sendable {
    let location: S3Location
    private let settings: S3Settings
    private let connections: HTTPConnections
    private let signer: RequestSigner
    private let now: @Sendable () -> Timestamp
    private let pause: @Sendable (Duration) async throws -> Void
    private let findCredentials: @Sendable () throws(StorageError) -> S3Credentials
    private let credentials: Mutex<S3Credentials>
    private let skew = Mutex<Duration?>(nil)
    /// Whether the bucket has asked for a checksum of what is put, as one that locks objects by default does.
    private let checksumsWanted = Atomic(false)

    init(
        _ location: S3Location, _ settings: S3Settings, now: @escaping @Sendable () -> Timestamp,
        pause: @escaping @Sendable (Duration) async throws -> Void,
        credentials: @escaping @Sendable () throws(StorageError) -> S3Credentials
    ) throws(StorageError) {
        self.location = location
        self.settings = settings
        self.now = now
        self.pause = pause
        signer = RequestSigner(region: location.region)
        findCredentials = credentials
        self.credentials = Mutex(try credentials())
        let shared = HTTPSettings(
            connectTimeout: settings.connectTimeout, stallTimeout: settings.stallTimeout,
            certificates: settings.certificates,
            uploads: settings.uploadLimit.map { RateLimiter(bytesPerSecond: $0) },
            downloads: settings.downloadLimit.map { RateLimiter(bytesPerSecond: $0) })
        do {
            connections = try HTTPConnections(limit: settings.connectionLimit, shared)
        } catch {
            throw S3Failure(error, location, attempts: 1).error(location.description)
        }
    }

    /// How far this machine's clock was ahead of the endpoint's in its last answer.
    var clockSkew: Duration? { skew.withLock { $0 } }

    /// Whether what is put goes with a checksum: some endpoints take none, a bucket that locks objects none without.
    var sendsChecksums: Bool { settings.objectLock != nil || checksumsWanted.load(ordering: .relaxed) }

    /// The time now, as it was given.
    var time: Timestamp { now() }

    /// Sends `call` until it has an answer that says success or is accepted, or trying again can't help. Errors name
    /// `name`.
    func send(_ call: S3Call, about name: String) async throws(StorageError) -> S3Answer {
        var mayRepeat = false
        var isRenewed = false
        var attempt = 1
        while true {
            let failure: S3Failure
            do throws(HTTPFailure) {
                let answer = try await connections.send(signed(call))
                noteClock(answer)
                if (200..<300).contains(answer.status) || call.accepted.contains(answer.status) {
                    return S3Answer(answer: answer, mayRepeat: mayRepeat)
                }
                failure = S3Failure(answer, location, skew: clockSkew, attempts: attempt)
                if failure.wantsChecksum { checksumsWanted.store(true, ordering: .relaxed) }
            } catch {
                failure = S3Failure(error, location, attempts: attempt)
            }
            if failure.isOfCredentials, !isRenewed {
                // A session's credentials run out, and whoever keeps them writes new ones.
                isRenewed = true
                if try renewCredentials() { continue }
            }
            let wait =
                failure.isTemporary
                ? settings.retries.delay(
                    beforeRetry: attempt, asked: failure.retryAfter, isSilent: failure.isSilent,
                    share: .random(in: 0..<1)) : nil
            guard let wait else { throw failure.error(name) }
            mayRepeat = mayRepeat || failure.mayHaveRun
            do {
                try await pause(wait)
            } catch {
                throw StorageError(.cancelled, name: name)
            }
            attempt += 1
        }
    }

    /// The signed request: all headers that are set here are part of the signature.
    private func signed(_ call: S3Call) -> HTTPRequest {
        let credentials = self.credentials.withLock { $0 }
        let time = now()
        let payloadHash = Hex.encode(PayloadHash.of(call.body))
        let path = location.path(call.key)
        let query = RequestSigner.query(call.query)
        var headers = call.headers
        headers.append(HTTPHeader("host", location.host))
        headers.append(HTTPHeader("x-amz-content-sha256", payloadHash))
        headers.append(HTTPHeader("x-amz-date", RequestSigner.stamp(time)))
        if credentials.sessionToken.byteCount > 0 {
            headers.append(
                HTTPHeader("x-amz-security-token", credentials.sessionToken.withBytes { $0.array }))
        }
        if call.method == .put || call.method == .post {
            headers.append(HTTPHeader("content-type", "application/octet-stream"))
        }
        headers.sort { $0.name < $1.name }
        let authorization = signer.authorization(
            call.method.rawValue, path: path, query: query, headers: headers, payloadHash: payloadHash,
            at: time,
            credentials)
        headers.append(HTTPHeader("authorization", authorization))
        let scheme = location.endpoint.isSecure ? "https" : "http"
        return HTTPRequest(
            method: call.method,
            url: "\(scheme)://\(location.host)\(path)" + (query.isEmpty ? "" : "?\(query)"),
            headers: headers, body: call.body, answerLimit: call.answerLimit,
            deadline: settings.deadline(sending: call.body.count, receiving: call.expectedByteCount))
    }

    /// Asks for the credentials once more; whether they are others now.
    private func renewCredentials() throws(StorageError) -> Bool {
        let found = try findCredentials()
        return credentials.withLock { current in
            let isSame =
                found.accessKeyID == current.accessKeyID && found.secretKey.isEqual(to: current.secretKey)
                && found.sessionToken.isEqual(to: current.sessionToken)
            current = found
            return !isSame
        }
    }

    private func noteClock(_ answer: HTTPAnswer) {
        guard let text = answer.headers["date"], let date = HTTPDate.parse(text) else { return }
        let ahead = now().seconds - date.seconds
        skew.withLock { $0 = .seconds(ahead) }
    }
}

extension S3Settings {
    /// The longest time of a request that moves so many bytes: `minimumRate`, or what is left of a rate limit when all
    /// connections share it.
    fileprivate func deadline(sending: Int, receiving: Int) -> Duration {
        func time(_ byteCount: Int, _ limit: Int?) -> Duration {
            let share = limit.map { max(1, max($0, 4096) / (2 * max(1, connectionLimit))) } ?? Int.max
            // Bounded, so that an object of any size leaves the number in range.
            return .seconds(min(byteCount, 1 << 50) / max(1, min(minimumRate, share)))
        }
        return requestTimeout + time(sending, uploadLimit) + time(receiving, downloadLimit)
    }
}

/// The SHA-256 of what is sent: all of a backup goes through it.
enum PayloadHash {
    /// The 32 bytes, by libcrypto, or by libsodium where that can't be had.
    static func of(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        LargeSHA256.hash(part: bytes) ?? SHA256.hash(part: bytes)
    }
}

/// The date of an HTTP header.
enum HTTPDate {
    /// The moment of `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 §5.6.7); nil for all else.
    static func parse(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].utf8.count == 4, parts[1].utf8.count == 2, parts[5] == "GMT",
            let month = months.firstIndex(of: String(parts[2])), parts[3].utf8.count == 4
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return try? Timestamp(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
