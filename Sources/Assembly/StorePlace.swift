internal import Files
package import Settings
package import Storage

/// Where an archive store is, and the way there: a directory, or a bucket with the credentials for it. The one place that
/// knows which implementation a URL means.
package struct StorePlace: Sendable {
    private enum Way: Sendable {
        case directory(Path)
        case bucket(S3Location, S3Settings, BucketAccess)
    }

    /// What tells the place from every other, for pins, the journal and messages: a directory's path, or the bucket's URL
    /// with its endpoint where that is not AWS's.
    package let name: String
    private let way: Way

    private init(_ name: String, _ way: Way) {
        self.name = name
        self.way = way
    }

    /// The directory at an absolute path, however many slashes and dots it is written with.
    package init(directory path: String) {
        let words = path.split(separator: "/").filter { $0 != "." }
        let name = "/" + words.joined(separator: "/")
        self.init(name, .directory(Path(name)))
    }

    /// The place that `settings` describe. Touches nothing; throws `invalidLocation` for a URL, endpoint or region that
    /// no store can have.
    package init(_ settings: StoreSettings, _ access: BucketAccess) throws(StorageError) {
        guard settings.isBucket else {
            self.init(directory: settings.url)
            return
        }
        let bucket = settings.bucket
        let location = try StorePlace.location(settings)
        var options = S3Settings()
        options.usesConditionalPuts = bucket.usesConditionalPuts
        options.objectLock = try bucket.lock.map { lock throws(StorageError) in
            try S3ObjectLock(lock.isCompliance ? .compliance : .governance, days: lock.days)
        }
        options.uploadLimit = bucket.uploadLimit
        options.downloadLimit = bucket.downloadLimit
        options.certificates = bucket.authorities.map { Path($0) }
        var access = access
        if let file = bucket.credentials {
            let (profile, user) = (bucket.profile, access.user)
            access = BucketAccess(user: user) { () throws(StorageError) in
                try S3Credentials.read(Path(file), profile: profile, user: user)
            }
        }
        self.init(location.canonicalURL, .bucket(location, options, access))
    }

    /// Whether it is a bucket, and not a directory.
    package var isBucket: Bool {
        if case .bucket = way { true } else { false }
    }

    /// Whether a put that must not replace is left to the place: always to a directory, to a bucket as its settings say.
    package var usesConditionalPuts: Bool {
        if case .bucket(_, let options, _) = way { options.usesConditionalPuts } else { true }
    }

    /// The objects there. Of a directory throws `notFound` where it is not there, and `invalidLocation` where something else
    /// is; of a bucket what its credentials throw,
    /// with nothing sent yet.
    package func objects() throws(StorageError) -> any ObjectStore {
        switch way {
        case .directory(let path):
            do throws(StorageError) {
                return try DirectoryStore(path)
            } catch {
                guard error.code == .notAnObject else { throw error }
                throw StorageError(
                    .invalidLocation, name: name,
                    reason: "not a directory, and a store that is no bucket is one")
            }
        case .bucket(let location, let options, let access):
            if let file = options.certificates { try access.requireOurs(file) }
            return try S3Store(
                location, settings: options, now: { WallClock.now }, credentials: access.credentials)
        }
    }

    /// As `objects()`, with the directory made where it is missing.
    package func makeObjects() throws(StorageError) -> any ObjectStore {
        guard case .directory(let path) = way else { return try objects() }
        do throws(FileError) {
            _ = try Directory.makePath(path)
        } catch {
            throw StorageError(
                error.code == .noSpace ? .noSpace : .io, name: name, reason: error.description)
        }
        return try objects()
    }

    /// Throws `invalidLocation`, naming the store, for what no store of `settings` can be, before anything is opened.
    package static func check(_ settings: Settings) throws(StorageError) {
        for (name, store) in settings.stores.sorted(by: { $0.key < $1.key }) where store.isBucket {
            do throws(StorageError) {
                _ = try location(store)
            } catch {
                throw StorageError(error.code, name: "store \(name)", reason: error.reason)
            }
        }
    }

    private static func location(_ settings: StoreSettings) throws(StorageError) -> S3Location {
        let bucket = settings.bucket
        return try S3Location(
            settings.url, endpoint: bucket.endpoint, region: bucket.region,
            style: bucket.style.map { $0 == .path ? .path : .virtualHost })
    }
}
