internal import Documents

/// Where an archive store is, and which one it must be.
package struct StoreSettings: Sendable, Equatable {
    /// A directory's absolute path, or `s3://bucket[/prefix]`.
    package let url: String
    /// The fingerprint of the store's first configuration; nil pins the first one that is seen.
    package let trust: [UInt8]?
    /// How a bucket is reached; as it is by default for a directory.
    package var bucket: BucketSettings

    /// Settings of these values.
    package init(url: String, trust: [UInt8]? = nil, bucket: BucketSettings = BucketSettings()) {
        self.url = url
        self.trust = trust
        self.bucket = bucket
    }

    /// Whether the store lies in a bucket, and not in a directory.
    package var isBucket: Bool { url.utf8.starts(with: "s3://".utf8) }
}

/// How the bucket of a store is reached. Holds names of files, never what is in them.
package struct BucketSettings: Sendable, Equatable {
    /// How requests name the bucket.
    package enum Style: String, Sendable, CaseIterable {
        /// In the path.
        case path
        /// In the host's name.
        case virtualHost = "virtual-host"
    }

    /// A retention that every object is put with.
    package struct Lock: Sendable, Equatable {
        /// Whether nobody can end it early, the account's owner included.
        package let isCompliance: Bool
        /// How many days it lasts.
        package let days: Int
    }

    /// `https://HOST[:PORT]`; nil for AWS's of the region.
    package var endpoint: String?
    /// The region that requests are signed for; nil for `us-east-1`.
    package var region: String?
    /// How requests name the bucket; nil for what fits the endpoint.
    package var style: Style?
    /// The file of the credentials, as AWS's tools keep it; nil for those of the process.
    package var credentials: String?
    /// The profile in that file; nil for `default`.
    package var profile: String?
    /// A file of certificates that may sign the endpoint's; nil for the system's.
    package var authorities: String?
    /// Bytes a second that all uploads together may take.
    package var uploadLimit: Int?
    /// Bytes a second that all downloads together may take.
    package var downloadLimit: Int?
    /// Whether keeping a taken name is left to the endpoint.
    package var usesConditionalPuts = true
    /// The retention of what is put; nil leaves it to the bucket.
    package var lock: Lock?

    /// A bucket of AWS's with the credentials of the process.
    package init() {}
}

extension StoreSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["url", "trust"] + BucketSettings.keys)
        let urlNode = try mapping.required("url")
        url = try urlNode.string()
        trust = try mapping.optional("trust").map { node throws(DocumentError) in
            try Settings.fingerprint(node)
        }
        bucket = try BucketSettings(mapping)
        guard !isBucket else { return }
        guard url.utf8.first == 0x2F, !url.utf8.contains(0) else {
            throw urlNode.expected("a directory's absolute path, or s3://bucket/prefix")
        }
        if let key = BucketSettings.keys.first(where: { mapping.optional($0) != nil }) {
            throw node.expected("\(key) beside an s3:// URL alone")
        }
    }
}

extension BucketSettings {
    static let keys = [
        "endpoint", "region", "style", "credentials", "profile", "authorities", "uploadLimit",
        "downloadLimit",
        "conditionalPuts", "lock",
    ]

    init(_ mapping: YAMLMapping) throws(DocumentError) {
        endpoint = try mapping.optional("endpoint")?.string()
        region = try mapping.optional("region")?.string()
        if let node = mapping.optional("style") {
            guard let style = Style(rawValue: try node.string()) else {
                throw node.expected("path or virtual-host")
            }
            self.style = style
        }
        if let node = mapping.optional("credentials") { credentials = try Settings.path(node) }
        if let node = mapping.optional("profile") {
            guard credentials != nil else { throw node.expected("credentials beside it") }
            profile = try node.string()
        }
        if let node = mapping.optional("authorities") { authorities = try Settings.path(node) }
        if let node = mapping.optional("uploadLimit") { uploadLimit = try BucketSettings.rate(node) }
        if let node = mapping.optional("downloadLimit") { downloadLimit = try BucketSettings.rate(node) }
        usesConditionalPuts = try mapping.optional("conditionalPuts")?.bool() ?? true
        lock = try mapping.optional("lock").map { node throws(DocumentError) in try Lock(node) }
    }

    private static func rate(_ node: YAMLNode) throws(DocumentError) -> Int {
        guard let rate = BucketSettings.rate(try node.string()) else {
            throw node.expected("bytes a second, at least 4096: 65536, 512KiB or 10MiB")
        }
        return rate
    }

    /// The bytes a second that `text` means, as 65536, 512KiB or 10MiB; nil for all else, and for less than 4,096.
    package static func rate(_ text: String) -> Int? {
        guard let count = Settings.byteCount(text), count >= 4096 else { return nil }
        return Int(clamping: count)
    }
}

extension BucketSettings.Lock {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["mode", "days"])
        let modeNode = try mapping.required("mode")
        switch try modeNode.string() {
        case "governance": isCompliance = false
        case "compliance": isCompliance = true
        default: throw modeNode.expected("governance or compliance")
        }
        let daysNode = try mapping.required("days")
        guard case let days = try daysNode.int(), (1...36_500).contains(days) else {
            throw daysNode.expected("a number from 1 to 36500")
        }
        self.days = days
    }
}
