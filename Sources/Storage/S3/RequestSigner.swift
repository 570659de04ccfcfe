import Encodings
import Sodium

/// A header of a request: a lower-case name, and its value as bytes, for a session's token is one.
struct HTTPHeader {
    let name: String
    var value: [UInt8]

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = Array(value.utf8)
    }

    init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// AWS Signature Version 4 in the header `Authorization` (AWS General Reference, "Signing AWS API requests"; Amazon S3 API
/// Reference, "Authenticating Requests: Using the Authorization Header").
///
/// Not left to libcurl's CURLOPT_AWS_SIGV4: Debian 12's 7.88 neither sorts nor encodes the query, reads its clock itself,
/// and wants the secret key as a C string in memory that it does not wipe. Here the secret stays in guarded memory, the
/// payload's hash is given, and AWS's published examples are tests.
struct RequestSigner {
    let region: String
    let service: String

    init(region: String, service: String = "s3") {
        self.region = region
        self.service = service
    }

    /// The value of `Authorization`, over all of `headers`, which have `host` and `x-amz-date` among them and are sorted
    /// by name. `path` and `query` are encoded already, the query sorted; `payloadHash` is the SHA-256 in hex.
    func authorization(
        _ method: String, path: String, query: String, headers: [HTTPHeader], payloadHash: String,
        at time: Timestamp, _ credentials: S3Credentials
    ) -> String {
        let names = headers.map(\.name).joined(separator: ";")
        var request = Array("\(method)\n\(path)\n\(query)\n".utf8)
        // No growth while the token is in there: it would leave a copy behind.
        request.reserveCapacity(
            request.count + names.utf8.count + 80
                + headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + 2 })
        for header in headers {
            request += Array("\(header.name):".utf8)
            request += header.value
            request.append(0x0A)
        }
        request += Array("\n\(names)\n\(payloadHash)".utf8)
        let hash = Hex.encode(SHA256.hash(request))
        request.wipe()
        let stamp = RequestSigner.stamp(time)
        let scope = "\(stamp.prefix(8))/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(hash)"
        let key = RequestSigner.key(credentials.secretKey, scope)
        let signature = Hex.encode(HMACSHA256.authenticate(Array(text.utf8), key: key))
        return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), "
            + "SignedHeaders=\(names), Signature=\(signature)"
    }

    /// `time` as `20130524T000000Z`.
    static func stamp(_ time: Timestamp) -> String {
        let text = Timestamp(seconds: time.seconds)?.description ?? time.description
        return text.filter { $0 != "-" && $0 != ":" }
    }

    /// The query of `parameters`, encoded and sorted by the encoded names, then values.
    static func query(_ parameters: [(String, String)]) -> String {
        parameters.map { (S3Encoding.encode($0.0), S3Encoding.encode($0.1)) }
            .sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// The signing key: a chain of HMACs over the scope's parts, which begins with `AWS4` and the secret.
    private static func key(_ secret: borrowing SecretBytes, _ scope: String) -> SecretBytes {
        var key = SecretBytes(byteCount: 4 + secret.byteCount) { output in
            Array("AWS4".utf8).withBytes { $0.copy(into: &output) }
            secret.withBytes { $0.copy(into: &output, at: 4) }
        }
        for part in scope.split(separator: "/") {
            key = RequestSigner.step(key, Array(part.utf8))
        }
        return key
    }

    private static func step(_ key: borrowing SecretBytes, _ part: [UInt8]) -> SecretBytes {
        SecretBytes(byteCount: 32) { output in
            part.withBytes { part in key.withBytes { HMACSHA256.authenticate(part, key: $0, into: &output) } }
        }
    }
}
