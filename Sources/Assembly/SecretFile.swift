package import Files
package import Sodium

/// Reads files of keys straight into guarded memory, after a look at who else could read or exchange them.
package struct SecretFile: Sendable {
    /// Why a file of keys is not used.
    package enum Refusal: Error, Sendable {
        /// There is no such file, or it can't be read.
        case unreadable(path: String, FileError)
        /// Others than its owner can read it, or put another in its place.
        case exposed(path: String, reason: String)
    }

    private let user: UInt32
    private let allowExposed: Bool

    /// A reader for the process of `user` (geteuid(2)). `allowExposed` lets files pass that others can read: the
    /// user's explicit word.
    package init(user: UInt32, allowExposed: Bool = false) {
        self.user = user
        self.allowExposed = allowExposed
    }

    /// The content of the file at `path`, of at most `limit` bytes. Throws `Refusal`.
    package func read(_ path: String, limit: Int = 1 << 20) throws(Refusal) -> SecretBytes {
        do {
            let whole = Path(path)
            let directory = try Directory(whole.parent)
            let file = try directory.openFile(whole.name)
            let exposure = try directory.exposure(of: file)
            if !allowExposed, let reason = reason(exposure) { throw Refusal.exposed(path: path, reason: reason) }
            return try SecretBytes(byteCount: min(limit, Int(exposure.file.byteCount))) { output in
                _ = try file.read(into: &output)
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch let error as FileError {
            throw .unreadable(path: path, error)
        } catch {
            preconditionFailure("only FileError and Refusal are thrown above")
        }
    }

    /// What is wrong about who can get at the file; nil where nothing is.
    private func reason(_ exposure: FileExposure) -> String? {
        if exposure.isForeign(to: user) { return "it belongs to another user" }
        if exposure.isOpenToOthers { return "group or others can read it; run chmod 600 on it" }
        if exposure.isReplaceable(byOthersThan: user) { return "others can write to the directory it is in" }
        return nil
    }
}
