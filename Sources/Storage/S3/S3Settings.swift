package import Files

/// What a bucket and the way to it need, beside the location and the credentials.
package struct S3Settings: Sendable {
    /// Whether `ifAbsent` is left to the endpoint (`If-None-Match: *`). Without, a put looks first and then writes, so
    /// that of two writers of one name at one time both may think that they were alone: right for endpoints that pass
    /// over the header, as `StoreProbe` finds. One that refuses it is found by itself.
    package var usesConditionalPuts = true
    /// The retention that each object is put with; nil leaves it to the bucket's own default.
    package var objectLock: S3ObjectLock?
    /// Objects of more bytes are uploaded in parts.
    package var multipartThreshold = 32 << 20
    /// Bytes of a part, at least 5 MiB (S3's own bound). Grows where an object would have more than 10,000.
    package var partByteCount = 16 << 20
    /// Requests that run at the same time, each on a connection and a thread of its own.
    package var connectionLimit = 8
    /// How often requests are tried.
    package var retries = RetryPolicy()
    /// The longest time until a connection stands, TLS included.
    package var connectTimeout = Duration.seconds(5)
    /// The longest time without a single byte in either direction.
    package var stallTimeout = Duration.seconds(30)
    /// The longest time of a request, beside what its bytes take at `minimumRate`.
    package var requestTimeout = Duration.seconds(60)
    /// Bytes a second under which a transfer counts as failed, in the end.
    package var minimumRate = 16 << 10
    /// Bytes a second that all uploads together may take; at least 4,096.
    package var uploadLimit: Int?
    /// Bytes a second that all downloads together may take; at least 4,096.
    package var downloadLimit: Int?
    /// A PEM file of the certificates to trust, in place of the system's; nil for those.
    package var certificates: Path?

    /// The settings with their defaults.
    package init() {}
}

/// Retention (S3 Object Lock): until it ends, no version of the object can be removed.
package struct S3ObjectLock: Hashable, Sendable {
    /// Who can end it early.
    package enum Mode: String, Hashable, Sendable {
        /// Whoever has a permission of its own for that.
        case governance = "GOVERNANCE"
        /// Nobody, the account's owner included.
        case compliance = "COMPLIANCE"
    }

    /// Who can end it early.
    package let mode: Mode
    /// How many days it lasts from the put on.
    package let days: Int

    /// A retention of 1 to 36,500 days (S3's bound). Throws `invalidLocation` outside of them.
    package init(_ mode: Mode, days: Int) throws(StorageError) {
        guard (1...36_500).contains(days) else {
            throw StorageError(.invalidLocation, name: "object lock", reason: "needs 1 to 36500 days")
        }
        self.mode = mode
        self.days = days
    }
}
