internal import CCurl
internal import CLate
import Files
import Glibc
import Sodium

/// libcurl as a whole.
enum Curl {
    /// Loads and starts libcurl once for the process (dlopen(3), curl_global_init(3)): whoever keeps a store in a directory
    /// does not pay for it. Throws `library` where it is not there.
    static func start() throws(HTTPFailure) { try started.get() }

    private static let started = Result { () throws(HTTPFailure) in
        if let missing = unsafe strongroom_load_curl() {
            let name = unsafe String(cString: missing)
            throw HTTPFailure(.library, "\(name) cannot be loaded; install libcurl3-gnutls or libcurl4")
        }
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
            throw HTTPFailure(.library, "libcurl cannot be started")
        }
    }
}

/// An easy handle of libcurl: one connection that is kept open, and what all requests over it have in common.
@safe struct CurlHandle: ~Copyable, @unchecked Sendable {
    // Sendable: libcurl ties no handle to a thread; `HTTPConnection` uses it from one queue alone.
    private let handle: UnsafeMutableRawPointer

    /// Opens nothing yet (curl_easy_init(3)).
    init() throws(HTTPFailure) {
        try Curl.start()
        guard let handle = unsafe curl_easy_init() else { throw HTTPFailure(.library, "curl_easy_init") }
        unsafe self.handle = unsafe handle
    }

    deinit { unsafe curl_easy_cleanup(handle) }

    /// Sends a request and waits for its answer: blocks the thread it runs on. `stop` ends it early.
    func perform(
        _ request: HTTPRequest, _ settings: HTTPSettings, _ stop: StopFlag
    ) -> Result<HTTPAnswer, HTTPFailure> {
        unsafe curl_easy_reset(handle)
        let transfer = Transfer(request, settings, stop)
        let box = unsafe Unmanaged.passRetained(transfer)
        defer { unsafe box.release() }
        guard let lines = HeaderLines(request.headers) else {
            return .failure(HTTPFailure(.library, "curl_slist_append"))
        }
        let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { unsafe message.deallocate() }
        var codes = unsafe [
            strongroom_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message),
            lines.apply { unsafe strongroom_curl_set_list(handle, CURLOPT_HTTPHEADER, $0) },
        ]
        codes += prepare(request, settings)
        codes += unsafe attach(box.toOpaque())
        guard codes.allSatisfy({ $0 == CURLE_OK }) else {
            return .failure(HTTPFailure(.library, "libcurl older than 7.85, or built without TLS"))
        }
        let code = unsafe strongroom_curl_perform(handle)
        var length: curl_off_t = -1
        _ = unsafe strongroom_curl_get_size(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length)
        var start: curl_off_t = 0
        _ = unsafe strongroom_curl_get_size(handle, CURLINFO_PRETRANSFER_TIME_T, &start)
        let text =
            unsafe message[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: message)
        // The handle keeps the addresses until it is reset.
        unsafe curl_easy_reset(handle)
        return transfer.outcome(code, text, hasLength: length >= 0, wasSent: start > 0)
    }

    /// What this request asks for, and what holds for all of them. Floors below the faces read no environment: proxies,
    /// `.netrc` and the like are off.
    private func prepare(_ request: HTTPRequest, _ settings: HTTPSettings) -> [CURLcode] {
        let scheme = request.url.hasPrefix("https:") ? "https" : "http"
        var codes = [set(CURLOPT_URL, request.url), set(CURLOPT_PROXY, "")]
        codes.append(unsafe strongroom_curl_set_protocols(handle, scheme))
        for (option, value) in [
            (CURLOPT_NOSIGNAL, 1), (CURLOPT_FOLLOWLOCATION, 0), (CURLOPT_PATH_AS_IS, 1),
            (CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1), (CURLOPT_HTTP09_ALLOWED, 0),
            (CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2), (CURLOPT_SSL_VERIFYPEER, 1),
            (CURLOPT_SSL_VERIFYHOST, 2), (CURLOPT_TCP_KEEPALIVE, 1), (CURLOPT_NOPROGRESS, 0),
            (CURLOPT_BUFFERSIZE, settings.downloads?.sliceByteCount ?? 128 << 10),
            (CURLOPT_CONNECTTIMEOUT_MS, Int(settings.connectTimeout.microseconds / 1000)),
            (CURLOPT_TIMEOUT_MS, Int(request.deadline.microseconds / 1000)), (CURLOPT_LOW_SPEED_LIMIT, 1),
            (CURLOPT_LOW_SPEED_TIME, max(1, Int(settings.stallTimeout.components.seconds))),
        ] {
            codes.append(set(option, value))
        }
        if let file = settings.certificates {
            codes.append(set(CURLOPT_CAINFO, file))
            // Those alone: not also the directory that libcurl was built with.
            codes.append(unsafe strongroom_curl_set_text(handle, CURLOPT_CAPATH, nil))
        }
        switch request.method {
        case .get: break
        case .head: codes.append(set(CURLOPT_NOBODY, 1))
        case .delete: codes.append(set(CURLOPT_CUSTOMREQUEST, "DELETE"))
        case .put, .post:
            codes.append(set(CURLOPT_UPLOAD, 1))
            codes.append(set(CURLOPT_CUSTOMREQUEST, request.method.rawValue))
            codes.append(
                unsafe strongroom_curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, request.body.count))
        }
        return codes
    }

    /// Where the transfer's bytes come from and go to.
    private func attach(_ context: UnsafeMutableRawPointer) -> [CURLcode] {
        var codes: [CURLcode] = []
        for option in [
            CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_XFERINFODATA,
        ] {
            codes.append(unsafe strongroom_curl_set_pointer(handle, option, context))
        }
        codes.append(
            unsafe strongroom_curl_set_writer(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                let part = unsafe UnsafeRawBufferPointer(start: bytes, count: size &* count)
                return unsafe Transfer.at(context)?.receive(part) ?? 0
            })
        codes.append(
            unsafe strongroom_curl_set_writer(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size &* count)
                return unsafe Transfer.at(context)?.receiveHeader(line) ?? 0
            })
        codes.append(
            unsafe strongroom_curl_set_reader(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
                let room = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: size &* count)
                return unsafe Transfer.at(context)?.send(room) ?? Int(CURL_READFUNC_ABORT)
            })
        codes.append(
            unsafe strongroom_curl_set_seeker(handle, CURLOPT_SEEKFUNCTION) { context, offset, origin in
                guard origin == SEEK_SET, let transfer = unsafe Transfer.at(context) else {
                    return CURL_SEEKFUNC_FAIL
                }
                return transfer.seek(to: offset) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
            })
        codes.append(
            unsafe strongroom_curl_set_progress(handle, CURLOPT_XFERINFOFUNCTION) { context, _, _, _, _ in
                unsafe Transfer.at(context)?.isStopped == false ? 0 : 1
            })
        return codes
    }

    private func set(_ option: CURLoption, _ value: Int) -> CURLcode {
        unsafe strongroom_curl_set_number(handle, option, value)
    }

    private func set(_ option: CURLoption, _ value: String) -> CURLcode {
        unsafe strongroom_curl_set_text(handle, option, value)
    }

    private func set(_ option: CURLoption, _ path: Path) -> CURLcode {
        unsafe strongroom_curl_set_text(handle, option, path.bytes.map { CChar(bitPattern: $0) } + [0])
    }
}

/// The lines of a request's headers (curl_slist_append(3)), wiped when they go.
@safe private struct HeaderLines: ~Copyable {
    private let list: UnsafeMutablePointer<curl_slist>

    /// Nil where there is no memory. `accept` and the type that libcurl gives an upload are not sent.
    init?(_ headers: [HTTPHeader]) {
        var list: UnsafeMutablePointer<curl_slist>? = unsafe curl_slist_append(nil, "accept:")
        for header in headers {
            guard let grown = unsafe list else { return nil }
            var line = Array(header.name.utf8)
            line.reserveCapacity(line.count + header.value.count + 3)
            line += [0x3A, 0x20]
            line += header.value
            line.append(0)
            let next = unsafe line.withUnsafeBufferPointer { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) {
                    unsafe curl_slist_append(grown, $0.baseAddress)
                }
            }
            line.wipe()
            if unsafe next == nil { unsafe strongroom_curl_wipe_list(grown) }
            unsafe list = unsafe next
        }
        guard let list = unsafe list else { return nil }
        unsafe self.list = unsafe list
    }

    deinit { unsafe strongroom_curl_wipe_list(list) }

    func apply(_ body: (UnsafeMutablePointer<curl_slist>) -> CURLcode) -> CURLcode { unsafe body(list) }
}
