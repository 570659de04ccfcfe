package import Files

/// What a store could not do. Carries no credential, and no byte of an object or of an answer.
package struct StorageError: Error, Sendable {
    /// The kind of failure; the only part that is compared.
    package enum Code: Sendable, Hashable {
        /// No object of this name; or, when a store is opened, no store at this place.
        case notFound
        /// An object of this name is there and was not to be replaced; or a store is there already.
        case exists
        /// No room left.
        case noSpace
        /// The medium failed. What was being written counts as lost.
        case io
        /// Not allowed.
        case permission
        /// Not a name that an object can have, in general or in this store.
        case invalidName
        /// The object is larger than the caller allows.
        case limit
        /// The object ends before the range that was asked for.
        case truncated
        /// Something else than an object stands under the name.
        case notAnObject
        /// The bucket itself is not there.
        case bucketMissing
        /// Not a URL, endpoint or region that a store can have.
        case invalidLocation
        /// Credentials that can't be read, or that the endpoint does not accept.
        case credentials
        /// This machine's clock and the endpoint's are too far apart for a signature.
        case clockSkew
        /// No connection, or none that lasted, however often it was tried.
        case unreachable
        /// The endpoint has too much to do, however often it was tried.
        case busy
        /// The endpoint's certificate is not one to trust.
        case untrusted
        /// The endpoint sends the request on to somewhere else, where it does not go.
        case redirected
        /// An answer that is none in S3's protocol.
        case invalidAnswer
        /// The endpoint, or a library of this machine, can't do what is asked.
        case unsupported
        /// The caller's task was cancelled.
        case cancelled
    }

    /// What kind of failure it is.
    package let code: Code
    /// The object's name, or the store's place; in a bucket as `s3://bucket/key`.
    package let name: String
    /// What the file system said.
    package let underlying: FileError?
    /// Cause and next step, where the code alone does not tell them.
    package let reason: String?

    /// A failure that a store, a wrapper of one included, tells in its own words.
    package init(_ code: Code, name: String, underlying: FileError? = nil, reason: String? = nil) {
        self.code = code
        self.name = name
        self.underlying = underlying
        self.reason = reason
    }

    static func invalidName(_ name: String) -> StorageError { StorageError(.invalidName, name: name) }

    init(_ error: FileError, name: String) {
        let code: Code =
            switch error.code {
            case .noSpace: .noSpace
            case .permission, .readOnly, .foreignOwner: .permission
            case .notFound: .notFound
            case .exists: .exists
            case .limit: .limit
            case .invalidName: .invalidName
            case .isLink, .isDirectory, .notDirectory, .notRegular, .hardLinked, .escapes: .notAnObject
            case .io, .notEmpty, .crossesMount, .locked, .changed, .unsupported, .other: .io
            }
        self.init(code, name: name, underlying: error)
    }
}

extension StorageError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        if let reason { return "\(name): \(reason)" }
        if let underlying { return "object \(name): \(underlying)" }
        let text =
            switch code {
            case .notFound: "not found"
            case .exists: "exists already"
            case .noSpace: "no space left"
            case .io: "input or output failed"
            case .permission: "permission denied"
            case .invalidName: "not a usable name"
            case .limit: "larger than allowed"
            case .truncated: "shorter than it should be"
            case .notAnObject: "not a regular file"
            case .bucketMissing: "no such bucket"
            case .invalidLocation: "not a place that a store can have"
            case .credentials: "the credentials are not usable"
            case .clockSkew: "the clocks are too far apart"
            case .unreachable: "the endpoint can't be reached"
            case .busy: "the endpoint is overloaded"
            case .untrusted: "the endpoint's certificate is not trusted"
            case .redirected: "the endpoint sends requests elsewhere"
            case .invalidAnswer: "the endpoint's answer is not S3's"
            case .unsupported: "not supported"
            case .cancelled: "cancelled"
            }
        return "object \(name): \(text)"
    }
}
