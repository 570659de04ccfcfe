import Encodings
import Storage
import Support

extension HostileS3Server {
    /// The time of this machine. A method, so that whoever asks keeps the server.
    @Sendable private func time() -> Timestamp { systemTime() }

    /// A store on it, which keeps the server too, whose waits between tries are noted and not made.
    func store(
        _ settings: S3Settings = S3Settings(), pauses: Pauses = Pauses(),
        url: String = "s3://bucket/some/prefix",
        credentials: @escaping @Sendable () throws(StorageError) -> S3Credentials = {
            () throws(StorageError) in try TestCredentials.make()
        }
    ) throws -> S3Store {
        try S3Store(
            S3Location(url, endpoint: endpoint), settings: settings, now: time,
            pause: { pauses.note($0) },
            credentials: credentials)
    }
}
