import Encodings
import Glibc
import Sodium
import Storage
import Support
import Synchronization

/// AWS's published example credentials, which open nothing.
enum TestCredentials {
    static let id = MotoServer.accessKeyID
    static let secret = MotoServer.secret

    /// The example, or others.
    static func make(
        _ id: String = id, secret: String = secret, token: String = ""
    ) throws(StorageError) -> S3Credentials {
        try S3Credentials(accessKeyID: id, secretKey: bytes(secret), sessionToken: bytes(token))
    }

    static func bytes(_ text: String) -> SecretBytes {
        Array(text.utf8).withBytes { SecretBytes(copying: $0) }
    }
}

/// The time of this machine.
func systemTime() -> Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// The waits between tries, which are not waited for.
final class Pauses: Sendable {
    private let list = Mutex<[Duration]>([])

    /// All of them so far.
    var all: [Duration] { list.withLock { $0 } }

    /// Notes a wait.
    func note(_ duration: Duration) { list.withLock { $0.append(duration) } }
}
