package import Files
internal import Sodium
package import Storage

/// With what buckets are reached, beside what settings say: this process's user, and the credentials of the process for
/// stores whose settings name no file.
package struct BucketAccess: Sendable {
    let user: UInt32
    let credentials: @Sendable () throws(StorageError) -> S3Credentials

    /// Access for the process of `user` (geteuid(2)). `credentials` is asked when a bucket is opened, and again where its
    /// endpoint no longer takes what it gave; it throws `credentials` where there are none.
    package init(user: UInt32, credentials: @escaping @Sendable () throws(StorageError) -> S3Credentials) {
        self.user = user
        self.credentials = credentials
    }

    /// Throws `untrusted` where others could say who the endpoint is.
    func requireOurs(_ certificates: Path) throws(StorageError) {
        let facts: FileMetadata
        do throws(FileError) {
            facts = try Directory(certificates.parent).openFile(certificates.name).metadata()
        } catch {
            throw StorageError(.untrusted, name: "certificates", reason: error.description)
        }
        guard facts.mode & 0o002 == 0, facts.owner.user == user || facts.owner.user == 0 else {
            throw StorageError(
                .untrusted, name: certificates.description,
                reason: "others can write to it, and who the endpoint is can't be told by it; chmod o-w it")
        }
    }
}

extension S3Credentials {
    /// The credentials of `profile` in the file at `path`, which only `user` and root may read or replace. Throws
    /// `credentials` where the file can't be read, is exposed to others, or has no such profile.
    package static func read(
        _ path: Path, profile: String?, user: UInt32
    ) throws(StorageError) -> S3Credentials {
        let content = try content(of: path, user)
        do throws(StorageError) {
            return try content.withBytes { (bytes) throws(StorageError) in
                try S3Credentials(file: bytes, profile: profile ?? "default")
            }
        } catch {
            throw .unusable(path, error.reason ?? "not a file of credentials")
        }
    }

    /// The file's content, straight into guarded memory.
    private static func content(of path: Path, _ user: UInt32) throws(StorageError) -> SecretBytes {
        let problem: String
        do throws(FileError) {
            let directory = try Directory(path.parent)
            let file = try directory.openFile(path.name)
            let exposure = try directory.exposure(of: file)
            if exposure.isForeign(to: user) {
                problem = "belongs to another user"
            } else if exposure.isOpenToOthers {
                problem = "group or others may read or write it; chmod 600 it"
            } else if exposure.isReplaceable(byOthersThan: user) {
                problem = "others may put another file in its place"
            } else if exposure.file.byteCount > byteLimit {
                problem = "has more than 64 KiB"
            } else {
                var count = 0
                let content = try SecretBytes(byteCount: Int(exposure.file.byteCount)) {
                    (output) throws(FileError) in count = try file.read(into: &output)
                }
                if count == content.byteCount { return content }
                problem = "changed while it was read"
            }
        } catch {
            throw StorageError(
                .credentials, name: "S3 credentials", underlying: nil, reason: error.description)
        }
        throw .unusable(path, problem)
    }

    /// As `S3Credentials(file:profile:)` takes.
    private static let byteLimit: Int64 = 64 << 10
}

extension StorageError {
    fileprivate static func unusable(_ path: Path, _ reason: String) -> StorageError {
        StorageError(.credentials, name: "S3 credentials in \(path)", reason: reason)
    }
}
