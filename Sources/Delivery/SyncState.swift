internal import Encodings
package import Files
package import Git
internal import Sodium

/// The directory in which deliveries keep what they need from run to run: mirrors and locks.
///
/// On disk: `mirrors/<hash of the URL>.git` (see `Mirror`), `locks/<environment>`; directories 0700. Names are
/// derived, never taken from outside (CASES.md F039).
package struct SyncState: Sendable, Hashable {
    /// The directory; it is there.
    package let directory: Path

    /// The state in `directory`, which is there. Nothing is made before the first run.
    package init(directory: Path) { self.directory = directory }

    /// Where the mirror of `location` is kept.
    package func mirror(of location: RemoteLocation) -> Path {
        let name = Hex.encode(BLAKE2b.hash(Array(location.text.utf8)).prefix(16))
        return directory.appending(Path("mirrors")).appending(Path("\(name).git"))
    }

    /// Makes what is missing and claims the directory for a service that runs until it ends: a second one on the same
    /// directory is refused (F048). Single runs beside it are kept apart by the lock of their environment. Throws as
    /// `lock(environment:)`.
    package func claim() throws(DeliveryError) -> FileLock {
        // No environment has such a name.
        do throws(DeliveryError) {
            return try lock(environment: "_service")
        } catch {
            guard error.code == .locked else { throw error }
            throw DeliveryError(
                .locked, "state \(directory): another service works on it", underlying: error.underlying)
        }
    }

    /// Makes what is missing and locks `environment`: one run at a time (F048). The lock goes with the value.
    /// Throws `locked`, `noSpace`, `io`, and `unusableRequest` where there is no such directory.
    package func lock(environment: String) throws(DeliveryError) -> FileLock {
        do throws(FileError) {
            let root = try Directory(directory)
            _ = try root.makeDirectories("mirrors")
            return try FileLock(Path(environment), in: root.makeDirectories("locks"))
        } catch {
            let code: DeliveryError.Code =
                switch error.code {
                case .locked: .locked
                case .noSpace: .noSpace
                case .notFound, .isLink, .notDirectory: .unusableRequest
                default: .io
                }
            let words = code == .locked ? "environment \(environment) is being synced by another process" : ""
            throw DeliveryError(
                code, words.isEmpty ? "state: \(error.description)" : words, underlying: error)
        }
    }
}
