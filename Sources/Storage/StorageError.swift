package import Files

/// What a store could not do.
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
    }

    /// What kind of failure it is.
    package let code: Code
    /// The object's name, or the store's place.
    package let name: String
    /// What the file system said.
    package let underlying: FileError?

    /// A failure that a store, a wrapper of one included, tells in its own words.
    package init(_ code: Code, name: String, underlying: FileError? = nil) {
        self.code = code
        self.name = name
        self.underlying = underlying
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
        if let underlying { return "object \(name): \(underlying)" }
        let reason =
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
            }
        return "object \(name): \(reason)"
    }
}
