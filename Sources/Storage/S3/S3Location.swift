/// A place in a bucket, and how it is reached: `s3://bucket/prefix`, with the endpoint, the region and the style that
/// requests name the bucket in.
package struct S3Location: Hashable, Sendable {
    /// How a request names the bucket.
    package enum Style: String, Hashable, Sendable {
        /// In the path: `https://endpoint/bucket/key`.
        case path
        /// In the host's name: `https://bucket.endpoint/key`.
        case virtualHost = "virtual-host"
    }

    /// The bucket's name.
    package let bucket: String
    /// What all keys of the store begin with, without slashes at its ends; empty for the whole bucket.
    package let prefix: String
    /// The region that requests are signed for.
    package let region: String
    /// Where the endpoint is.
    package let endpoint: S3Endpoint
    /// How requests name the bucket.
    package let style: Style

    /// Takes `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&style=path|virtual-host]`. What the URL says goes before
    /// the arguments; without either, the endpoint is AWS's of the region, the region `us-east-1`, and the style
    /// `virtual-host` at AWS's endpoints (but for a bucket with dots, whose name no certificate has) and `path` elsewhere.
    ///
    /// Throws `invalidLocation` for all else, user information and percent signs among it. The error names the part, and
    /// does not repeat the URL, which may hold what belongs nowhere.
    package init(
        _ url: String, endpoint: String? = nil, region: String? = nil, style: Style? = nil
    ) throws(StorageError) {
        guard url.utf8.count <= S3Location.byteLimit, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .location("has more than 2,048 bytes, or others than printable ASCII") }
        guard S3Location.isURL(url) else { throw .location("does not begin with s3://") }
        var rest = url.dropFirst(5)
        guard !rest.contains("@"), !rest.contains("%"), !rest.contains("#") else {
            throw .location("must not contain credentials, percent signs or a fragment")
        }
        var settings: [String: String] = [:]
        if let question = rest.firstIndex(of: "?") {
            settings = try S3Location.settings(rest[rest.index(after: question)...])
            rest = rest[..<question]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        bucket = try S3Location.bucket(String(rest[..<slash]))
        prefix = try S3Location.prefix(rest[slash...].dropFirst())
        self.region = try S3Location.region(settings["region"] ?? region ?? "us-east-1")
        if let place = settings["endpoint"] ?? endpoint {
            self.endpoint = try S3Endpoint(place)
        } else {
            self.endpoint = S3Endpoint(region: self.region)
        }
        let chosen = try settings["style"].map { text throws(StorageError) in
            guard let named = Style(rawValue: text) else {
                throw .location("has a style other than path and virtual-host")
            }
            return named
        }
        self.style =
            chosen ?? style ?? (self.endpoint.isAmazon && !bucket.contains(".") ? .virtualHost : .path)
    }

    /// The URL that tells this place from every other: with the endpoint where it is not AWS's, whose buckets have names of
    /// their own in all regions. What is remembered of a store is kept under it.
    package var canonicalURL: String {
        endpoint.isAmazon ? description : "\(description)?endpoint=\(endpoint)"
    }

    /// Whether `text` is meant as the URL of a bucket, and not as a path.
    package static func isURL(_ text: String) -> Bool { text.hasPrefix("s3://") }

    /// The value of the header `Host`, which is signed.
    var host: String { style == .path ? endpoint.authority : "\(bucket).\(endpoint.authority)" }

    /// The path of a request for `key`, or for the bucket itself, each byte encoded as a signature wants it.
    func path(_ key: String?) -> String {
        let encoded = key.map { S3Encoding.encode($0, keeping: 0x2F) } ?? ""
        guard style == .path else { return "/\(encoded)" }
        return key == nil ? "/\(bucket)" : "/\(bucket)/\(encoded)"
    }

    /// The key of the object `name`.
    func key(_ name: ObjectName) -> String { prefix.isEmpty ? name.text : "\(prefix)/\(name.text)" }

    /// The longest URL taken: a key and an endpoint with room to spare.
    private static let byteLimit = 2048
    /// A key has at most 1,024 bytes; names and one slash take 513 of them.
    private static let prefixLimit = 511
}

extension S3Location: CustomStringConvertible {
    /// The URL without its settings.
    package var description: String { prefix.isEmpty ? "s3://\(bucket)" : "s3://\(bucket)/\(prefix)" }
}

extension S3Location {
    private static func settings(_ text: Substring) throws(StorageError) -> [String: String] {
        var found: [String: String] = [:]
        for pair in text.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, ["endpoint", "region", "style"].contains(parts[0]) else {
                throw .location("has settings other than endpoint, region and style")
            }
            guard found.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw .location("has the setting \(parts[0]) twice")
            }
        }
        return found
    }

    /// The rules of AWS for new buckets, which every other endpoint's names keep too.
    private static func bucket(_ name: String) throws(StorageError) -> String {
        let bytes = Array(name.utf8)
        let isAlphanumeric = { (byte: UInt8) in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard (3...63).contains(bytes.count),
            bytes.allSatisfy({ isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E }),
            bytes.first.map(isAlphanumeric) == true, bytes.last.map(isAlphanumeric) == true,
            !name.split(separator: ".", omittingEmptySubsequences: false).contains(where: \.isEmpty),
            !bytes.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E })
        else { throw .location("needs a bucket of 3 to 63 characters of a-z, 0-9, - and .") }
        return name
    }

    private static func prefix(_ text: Substring) throws(StorageError) -> String {
        let bare = text.last == "/" ? text.dropLast() : text
        guard !bare.isEmpty else {
            guard text.isEmpty else { throw .location("has an empty part in its prefix") }
            return ""
        }
        guard bare.utf8.count <= prefixLimit else { throw .location("has a prefix of more than 511 bytes") }
        for part in bare.split(separator: "/", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part != ".", part != ".." else {
                throw .location("has an empty part or dots alone in its prefix")
            }
            guard part.utf8.allSatisfy({ S3Encoding.isUnreserved($0) || "=,:".utf8.contains($0) }) else {
                throw .location("needs a prefix of a-z, A-Z, 0-9 and -._~=,: alone")
            }
        }
        return String(bare)
    }

    private static func region(_ name: String) throws(StorageError) -> String {
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy(S3Location.isOfRegion) else {
            throw .location("needs a region of letters, digits, - and _")
        }
        return name
    }

    /// Whether the name of a region can have `byte`.
    static func isOfRegion(_ byte: UInt8) -> Bool {
        S3Encoding.isUnreserved(byte) && byte != 0x2E && byte != 0x7E
    }
}

/// The address of a service that speaks S3: scheme, host and port.
package struct S3Endpoint: Hashable, Sendable {
    /// Whether it is reached over TLS.
    package let isSecure: Bool
    /// The host's name or address, with the port where it is not the scheme's own: as the header `Host` has it.
    package let authority: String

    /// Takes `http[s]://HOST[:PORT][/]`, or the same without a scheme for https. Throws `invalidLocation` for all else.
    package init(_ text: String) throws(StorageError) {
        var rest = text[...]
        var isSecure = true
        if rest.hasPrefix("https://") {
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
            isSecure = false
        }
        if rest.last == "/" { rest = rest.dropLast() }
        let end = rest.first == "[" ? rest.firstIndex(of: "]").map(rest.index(after:)) : nil
        let colon = rest[(end ?? rest.startIndex)...].firstIndex(of: ":")
        let host = rest[..<(colon ?? rest.endIndex)]
        guard (1...253).contains(host.utf8.count), S3Endpoint.isHost(host) else {
            throw .location("needs an endpoint of the form https://HOST[:PORT]")
        }
        self.isSecure = isSecure
        guard let colon else {
            authority = host.lowercased()
            return
        }
        let digits = rest[rest.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits), port > 0
        else { throw .location("needs a port of 1 to 65535 in its endpoint") }
        authority = port == (isSecure ? 443 : 80) ? host.lowercased() : "\(host.lowercased()):\(port)"
    }

    /// AWS's endpoint of `region`.
    init(region: String) {
        isSecure = true
        authority = "s3.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
    }

    /// Whether it is one of AWS's.
    var isAmazon: Bool {
        authority.hasPrefix("s3.")
            && (authority.hasSuffix(".amazonaws.com") || authority.hasSuffix(".amazonaws.com.cn"))
    }

    /// A DNS name, an IPv4 address, or an IPv6 address in brackets. Nothing that begins with a dash or could end the
    /// name early.
    private static func isHost(_ host: Substring) -> Bool {
        if host.first == "[" {
            return host.last == "]" && host.utf8.count > 3
                && host.dropFirst().dropLast().utf8.allSatisfy {
                    (0x30...0x3A).contains($0) || (0x61...0x66).contains($0 | 0x20) || $0 == 0x2E
                }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.first != "-"
                && label.utf8.allSatisfy { S3Encoding.isUnreserved($0) && $0 != 0x7E && $0 != 0x2E }
        }
    }
}

extension S3Endpoint: CustomStringConvertible {
    /// The URL.
    package var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}

extension StorageError {
    fileprivate static func location(_ reason: String) -> StorageError {
        StorageError(.invalidLocation, name: "the store's s3:// URL", reason: reason)
    }
}

/// The percent-encoding of signatures (UriEncode of Signature Version 4): RFC 3986's unreserved characters stand as they
/// are, every other byte as %XX in upper case.
enum S3Encoding {
    /// The encoded `text`; the byte `kept` stands as it is too.
    static func encode(_ text: String, keeping kept: UInt8? = nil) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) || byte == kept {
                encoded.append(byte)
            } else {
                encoded += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The bytes of a text that a listing has encoded; nil where a percent sign has no two digits after it.
    static func decode(_ text: String) -> [UInt8]? {
        var rest = Array(text.utf8)[...]
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16), high != 0x2B,
                high != 0x2D
            else { return nil }
            bytes.append(value)
        }
        return bytes
    }

    /// Whether `byte` is one of A-Z, a-z, 0-9, `-`, `.`, `_` and `~`.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
