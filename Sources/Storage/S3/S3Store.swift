package import Encodings
import Sodium
import Synchronization

/// A store in a bucket of a service that speaks S3: an object is one of the same name below the prefix.
///
/// - An object is seen whole or not at all: a put is one request, or an upload in parts that the last one commits. It is
///   durable when the endpoint says so.
/// - `ifAbsent` is `If-None-Match: *` (on the put, or on the commit of the parts), where the endpoint honours it; see
///   `S3Settings.usesConditionalPuts`. Each put carries a random mark (`x-amz-meta-strongroom-put`), so that a put whose
///   answer was lost knows its own object again when it is repeated.
/// - Each request carries the SHA-256 of what it sends, over TLS too: the endpoint refuses bytes that changed on the way.
/// - Requests are repeated as `RetryPolicy` says. Redirects are never followed, for the signature would go along.
/// - In a bucket with versions or object lock, what is removed or replaced stays as an older version until a rule of the
///   bucket's life cycle removes it.
///
/// Calls don't block the thread they are made on; `S3Settings.connectionLimit` of them run at a time.
package final class S3Store: ObjectStore {
    /// Where it is.
    package let location: S3Location
    let settings: S3Settings
    let client: S3Client
    /// Whether the endpoint has refused `If-None-Match`.
    private let refusesConditions = Atomic(false)

    /// The store at `location`, with nothing sent yet. Loads libcurl.
    ///
    /// - Parameters:
    ///   - now: the time that requests are signed with.
    ///   - pause: waits between two tries.
    ///   - credentials: asked here, and again where the endpoint no longer accepts what it gave.
    /// - Throws: `unsupported` without libcurl, and what `credentials` throws.
    package init(
        _ location: S3Location, settings: S3Settings = S3Settings(), now: @escaping @Sendable () -> Timestamp,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        credentials: @escaping @Sendable () throws(StorageError) -> S3Credentials
    ) throws(StorageError) {
        self.location = location
        self.settings = settings
        client = try S3Client(location, settings, now: now, pause: pause, credentials: credentials)
    }

    /// The same store over the same connections, which puts without a retention of its own: for what is removed at once.
    var withoutLock: S3Store { S3Store(withoutLock: self) }

    private init(withoutLock other: S3Store) {
        location = other.location
        client = other.client
        var settings = other.settings
        settings.objectLock = nil
        self.settings = settings
    }

    /// How far this machine's clock is ahead of the endpoint's, as its last answer told; nil before the first. Whoever
    /// deletes by age has to look at it (CASES.md D8).
    package var clockSkew: Duration? { client.clockSkew }

    // MARK: - Put

    package func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        let isConditional =
            ifAbsent && settings.usesConditionalPuts && !refusesConditions.load(ordering: .relaxed)
        // Looked for first where nothing else keeps a taken name, and before parts are sent for nothing.
        if ifAbsent, !isConditional || bytes.count > settings.multipartThreshold {
            guard try await byteCount(of: name) == nil else { throw StorageError(.exists, name: url(name)) }
        }
        do throws(StorageError) {
            try await write(name, bytes, isConditional: isConditional)
        } catch  where error.code == .unsupported && isConditional {
            // Once for all: the endpoint doesn't know the condition.
            guard try await byteCount(of: name) == nil else { throw StorageError(.exists, name: url(name)) }
            try await write(name, bytes, isConditional: false)
            refusesConditions.store(true, ordering: .relaxed)
        }
    }

    private func write(_ name: ObjectName, _ bytes: [UInt8], isConditional: Bool) async throws(StorageError) {
        let mark = Hex.encode(RandomBytes.make(16))
        let isLarge = bytes.count > settings.multipartThreshold
        let hadChecksums = client.sendsChecksums
        var isRepeated = false
        while true {
            do throws(StorageError) {
                guard isLarge else {
                    return try await putWhole(name, bytes, mark: mark, isConditional: isConditional)
                }
                return try await putInParts(name, bytes, mark: mark, isConditional: isConditional)
            } catch  where error.code == .unsupported && !hadChecksums && client.sendsChecksums {
                // Asked for by this very answer: once more, with them.
                guard !isRepeated else { throw error }
                isRepeated = true
            }
        }
    }

    private func putWhole(
        _ name: ObjectName, _ bytes: [UInt8], mark: String, isConditional: Bool
    ) async throws(StorageError) {
        var call = S3Call(.put, location.key(name))
        call.body = bytes[...]
        call.headers = objectHeaders(mark: mark) + checksum(of: call.body)
        if isConditional { call.headers.append(S3Store.ifNoneMatch) }
        call.accepted = [412]
        let answer = try await client.send(call, about: url(name))
        guard answer.status == 412 else { return }
        try await checkOwn(name, mark: mark, answer)
    }

    /// Decides what a refused condition means: nothing, where this put's own earlier try is what stands there.
    func checkOwn(_ name: ObjectName, mark: String, _ answer: S3Answer) async throws(StorageError) {
        guard answer.mayRepeat, try await isOwn(name, mark: mark) else {
            throw StorageError(.exists, name: url(name))
        }
    }

    /// Whether the object carries the mark of this put.
    func isOwn(_ name: ObjectName, mark: String) async throws(StorageError) -> Bool {
        try await head(name)?[S3Store.markHeader] == mark
    }

    /// The headers that an object is made with: the put's mark, and its retention.
    func objectHeaders(mark: String) -> [HTTPHeader] {
        var headers = [HTTPHeader(S3Store.markHeader, mark)]
        guard let lock = settings.objectLock,
            let end = Timestamp(seconds: client.time.seconds + Int64(lock.days) * 86_400)
        else { return headers }
        headers.append(HTTPHeader("x-amz-object-lock-mode", lock.mode.rawValue))
        headers.append(HTTPHeader("x-amz-object-lock-retain-until-date", end.description))
        return headers
    }

    /// The checksum's headers, where they are wanted; some endpoints take none.
    func checksum(of bytes: ArraySlice<UInt8>) -> [HTTPHeader] {
        guard client.sendsChecksums else { return [] }
        return [
            HTTPHeader("x-amz-sdk-checksum-algorithm", "SHA256"),
            HTTPHeader("x-amz-checksum-sha256", S3Store.checksum(of: bytes)),
        ]
    }

    /// The checksum of a part, as its header and the list of parts have it.
    static func checksum(of bytes: ArraySlice<UInt8>) -> String {
        Base64.standard.encode(PayloadHash.of(bytes))
    }

    static let markHeader = "x-amz-meta-strongroom-put"
    static let ifNoneMatch = HTTPHeader("if-none-match", "*")

    // MARK: - Get

    package func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        var call = S3Call(.get, location.key(name))
        call.answerLimit = max(0, limit)
        call.expectedByteCount = min(max(0, limit), settings.multipartThreshold)
        return try await client.send(call, about: url(name)).answer.body
    }

    package func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        guard range.lowerBound >= 0 else { throw StorageError(.truncated, name: url(name)) }
        guard !range.isEmpty else {
            guard let end = try await byteCount(of: name) else {
                throw StorageError(.notFound, name: url(name))
            }
            guard range.upperBound <= end else { throw StorageError(.truncated, name: url(name)) }
            return []
        }
        var call = S3Call(.get, location.key(name))
        call.headers = [HTTPHeader("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
        call.answerLimit = range.count
        call.expectedByteCount = min(range.count, settings.multipartThreshold)
        call.accepted = [416]
        let answer: S3Answer
        do throws(StorageError) {
            answer = try await client.send(call, about: url(name))
        } catch  where error.code == .limit {
            throw invalid(name, "it sends more than the range that was asked for")
        }
        guard answer.status != 416 else { throw StorageError(.truncated, name: url(name)) }
        // An endpoint that passes over the range may send an object that happens to be as long.
        guard answer.status == 206, let place = S3Store.contentRange(answer["content-range"]),
            place.lowerBound == range.lowerBound, place.count == answer.answer.body.count
        else { throw invalid(name, "it does not send the range that was asked for") }
        guard answer.answer.body.count == range.count else { throw StorageError(.truncated, name: url(name)) }
        return answer.answer.body
    }

    package func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        guard let answer = try await head(name) else { return nil }
        guard let text = answer["content-length"], let count = Int(text), count >= 0 else {
            throw invalid(name, "it does not say how long the object is")
        }
        return count
    }

    private func head(_ name: ObjectName) async throws(StorageError) -> S3Answer? {
        var call = S3Call(.head, location.key(name))
        call.accepted = [404]
        let answer = try await client.send(call, about: url(name))
        return answer.status == 404 ? nil : answer
    }

    /// The range of `bytes 10-19/1000` as 10..<20; nil for all else.
    private static func contentRange(_ text: String?) -> Range<Int>? {
        guard let text, text.hasPrefix("bytes "), let slash = text.firstIndex(of: "/") else { return nil }
        let ends = text[..<slash].dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int(ends[0]), let last = Int(ends[1]), first >= 0, last >= first,
            last < Int.max
        else { return nil }
        return first..<(last + 1)
    }

    // MARK: - Names

    /// What errors call an object.
    func url(_ name: ObjectName) -> String { "s3://\(location.bucket)/\(location.key(name))" }

    func invalid(_ name: ObjectName, _ what: String) -> StorageError {
        StorageError(
            .invalidAnswer, name: url(name),
            reason: "\(location.endpoint) does not answer as S3 does: \(what)")
    }
}
