internal import Assembly
internal import Files
internal import Glibc
internal import Settings
internal import Storage

/// Buckets as the environment describes them, by the variables of AWS's tools.
enum BucketVariables {
    /// The way to buckets whose settings name no credentials.
    static let access = BucketAccess(user: geteuid()) { () throws(StorageError) in try credentials() }

    /// How the bucket at `url` is reached where no settings name it. What the URL says goes before the variables.
    static func settings(_ url: String) throws -> StoreSettings {
        var bucket = BucketSettings()
        bucket.endpoint = variable("AWS_ENDPOINT_URL_S3") ?? variable("AWS_ENDPOINT_URL")
        bucket.region = variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION")
        bucket.authorities = try variable("AWS_CA_BUNDLE").map { try Process.absolute($0) }
        return StoreSettings(url: url, bucket: bucket)
    }

    /// AWS_ACCESS_KEY_ID with its secret and, for a session, its token; else the profile AWS_PROFILE of the file
    /// AWS_SHARED_CREDENTIALS_FILE, or of ~/.aws/credentials.
    private static func credentials() throws(StorageError) -> S3Credentials {
        if let id = variable("AWS_ACCESS_KEY_ID") {
            guard let secret = Process.secretVariable("AWS_SECRET_ACCESS_KEY") else {
                throw unusable("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both")
            }
            guard let token = Process.secretVariable("AWS_SESSION_TOKEN") else {
                return try S3Credentials(accessKeyID: id, secretKey: secret)
            }
            return try S3Credentials(accessKeyID: id, secretKey: secret, sessionToken: token)
        }
        guard let file = try file() else {
            throw unusable(
                "there are none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with "
                    + "AWS_SHARED_CREDENTIALS_FILE or as 'credentials' in the store's settings")
        }
        return try S3Credentials.read(Path(file), profile: variable("AWS_PROFILE"), user: geteuid())
    }

    private static func file() throws(StorageError) -> String? {
        if let file = variable("AWS_SHARED_CREDENTIALS_FILE") {
            guard let path = try? Process.absolute(file) else {
                throw unusable("the working directory is gone")
            }
            return path
        }
        guard let home = variable("HOME"), home.hasPrefix("/") else { return nil }
        let file = "\(home)/.aws/credentials"
        return unsafe Glibc.access(file, F_OK) == 0 ? file : nil
    }

    private static func variable(_ name: String) -> String? { Process.variable(name) }

    private static func unusable(_ reason: String) -> StorageError {
        StorageError(.credentials, name: "S3 credentials", reason: reason)
    }
}
