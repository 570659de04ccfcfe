internal import CCurl
import Files
import Glibc
import Sodium
import Synchronization

/// Says that a transfer is no longer wanted.
final class StopFlag: Sendable {
    private let isRaised = Atomic(false)

    /// Ends the transfer within the second.
    func raise() { isRaised.store(true, ordering: .relaxed) }

    /// Whether it was raised.
    var value: Bool { isRaised.load(ordering: .relaxed) }
}

extension Duration {
    /// Whole microseconds, as many as fit.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (seconds < 0 ? Int64.min : Int64.max) : product &+ attoseconds / 1_000_000_000_000
    }
}

/// What all requests of a store have in common.
struct HTTPSettings: Sendable {
    let connectTimeout: Duration
    let stallTimeout: Duration
    let certificates: Path?
    let uploads: RateLimiter?
    let downloads: RateLimiter?
}

/// One request under way: what libcurl's callbacks read and write. Used by the thread of the request alone.
final class Transfer {
    private let request: HTTPRequest
    private let settings: HTTPSettings
    private let stop: StopFlag
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var sent = 0
    private var status = 0
    private var headers: [String: String] = [:]
    private var headerByteCount = 0
    private var body: [UInt8] = []
    /// Why the transfer was ended from this side.
    private var refusal: HTTPFailure.Kind?
    /// Whether the rest of an error's body was left.
    private var isShortened = false

    init(_ request: HTTPRequest, _ settings: HTTPSettings, _ stop: StopFlag) {
        self.request = request
        self.settings = settings
        self.stop = stop
        start = clock.now
    }

    /// The transfer that a callback is told of.
    static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Whether the caller no longer wants the answer.
    var isStopped: Bool { stop.value }

    // MARK: - Callbacks

    /// Takes a line of an answer's head, of interim answers too (CURLOPT_HEADERFUNCTION).
    func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        headerByteCount += bytes.count
        guard headerByteCount <= Transfer.headerLimit else { return refuse(.malformed) }
        let line = unsafe bytes.filter { (0x20...0x7E).contains($0) || $0 == 0x09 }
        if line.starts(with: "HTTP/".utf8) {
            let fields = line.split(separator: 0x20)
            status = fields.count > 1 ? Int(String(decoding: fields[1], as: UTF8.self)) ?? 0 : 0
            headers = [:]
        } else if let colon = line.firstIndex(of: 0x3A) {
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            let end = (value.lastIndex { $0 != 0x20 && $0 != 0x09 }).map { $0 + 1 } ?? value.startIndex
            headers[name] = String(decoding: value[..<end], as: UTF8.self)
        }
        return bytes.count
    }

    /// Takes a part of an answer's body (CURLOPT_WRITEFUNCTION).
    func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = bytes.count
        let isSuccess = (200..<300).contains(status)
        let limit = isSuccess ? request.answerLimit : Transfer.errorLimit
        let announced = headers["content-length"].flatMap { Int($0) } ?? 0
        guard count <= limit - body.count, !isSuccess || announced <= limit else {
            guard !isSuccess else { return refuse(.tooLarge) }
            isShortened = true
            return 0
        }
        // What an endpoint announces makes no room for what does not come.
        if body.isEmpty { body.reserveCapacity(min(announced, limit, Transfer.reservation)) }
        unsafe body.append(contentsOf: bytes)
        wait(settings.downloads, count)
        return isStopped ? 0 : count
    }

    /// Gives the next part of the request's body (CURLOPT_READFUNCTION); 0 at its end.
    func send(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let left = request.body.count - sent
        let count = min(left, room.count, settings.uploads?.sliceByteCount ?? Int.max)
        guard count > 0 else { return 0 }
        wait(settings.uploads, count)
        guard !isStopped else { return Int(CURL_READFUNC_ABORT) }
        unsafe request.body.withUnsafeBytes { bytes in
            unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[sent..<(sent + count)]))
        }
        sent += count
        return count
    }

    /// Goes back in the request's body, where libcurl sends it once more over a new connection (CURLOPT_SEEKFUNCTION).
    func seek(to offset: Int) -> Bool {
        guard (0...request.body.count).contains(offset) else { return false }
        sent = offset
        return true
    }

    private func refuse(_ kind: HTTPFailure.Kind) -> Int {
        refusal = kind
        return 0
    }

    /// Keeps to a rate: sleeps on this thread, which is the transfer's own, an eighth of a second at a time.
    private func wait(_ limiter: RateLimiter?, _ count: Int) {
        guard let limiter else { return }
        let end = clock.now.advanced(
            by: limiter.delay(for: count, at: Transfer.epoch.duration(to: clock.now)))
        while !isStopped {
            let left = min(clock.now.duration(to: end), .milliseconds(125))
            guard left > .zero else { return }
            usleep(UInt32(clamping: left.microseconds))
        }
    }

    // MARK: - The outcome

    /// What came of it: `code` and `text` are libcurl's, `hasLength` tells whether the answer gave its length, `wasSent`
    /// whether anything of the request was sent.
    func outcome(
        _ code: CURLcode, _ text: String, hasLength: Bool, wasSent: Bool
    ) -> Result<HTTPAnswer, HTTPFailure> {
        guard !isStopped else { return .failure(HTTPFailure(.cancelled, "cancelled")) }
        if let refusal { return .failure(HTTPFailure(refusal, "more than \(request.answerLimit) bytes")) }
        let answer = HTTPAnswer(status: status, headers: headers, body: body)
        // An endpoint that refuses an upload half-way closes the connection on it: what it said before that counts.
        let isCut = [CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE].contains(code)
        if code == CURLE_OK || isShortened || (isCut && status >= 300) {
            guard (200..<600).contains(status) else {
                return .failure(HTTPFailure(.malformed, "an answer without a status"))
            }
            let isMarked = hasLength || headers["transfer-encoding"]?.lowercased() == "chunked"
            guard isMarked || status >= 300 || status == 204 || request.method != .get else {
                return .failure(HTTPFailure(.malformed, "an answer that does not say how long it is"))
            }
            return .success(answer)
        }
        let clean = String(
            decoding: text.utf8.filter { (0x20...0x7E).contains($0) }.prefix(200), as: UTF8.self)
        let kind = Transfer.kind(code)
        return .failure(HTTPFailure(kind == .timedOut && !wasSent ? .unreachable : kind, clean))
    }

    private static func kind(_ code: CURLcode) -> HTTPFailure.Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_PROXY: .unreachable
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_SEND_FAIL_REWIND,
            CURLE_SSL_CONNECT_ERROR, CURLE_AGAIN:
            .cut
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_INVALIDCERTSTATUS:
            .untrusted
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: .malformed
        default: .library
        }
    }

    /// Where all rates count from.
    private static let epoch = ContinuousClock().now
    /// Heads of S3's answers have some hundred bytes; metadata may add 2 KiB.
    private static let headerLimit = 64 << 10
    /// An error's body: its code stands in the first kilobyte.
    private static let errorLimit = 64 << 10
    /// What is reserved at the first bytes of a body, at most.
    private static let reservation = 32 << 20
}
