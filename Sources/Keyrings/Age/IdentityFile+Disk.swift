package import Files
package import Sodium

extension IdentityFile {
    /// The content of the identity file at `path`, straight into guarded memory.
    ///
    /// Refused as `exposed` (CASES.md F031), unless `allowingExposure`: a file that group or others may read or
    /// write, one that belongs to somebody other than `user` (a numeric id) and root, and one in a directory where
    /// somebody else could put another in its place. Throws `unreadable` where it can't be read, is a link or no
    /// regular file, `limit` above a MiB.
    package static func read(
        _ path: Path, user: UInt32, allowingExposure: Bool = false
    ) throws(AgeError) -> SecretBytes {
        let directory = try reporting(path) { () throws(FileError) in try Directory(path.parent) }
        let file = try reporting(path) { () throws(FileError) in try directory.openFile(path.name) }
        let exposure = try reporting(path) { () throws(FileError) in try directory.exposure(of: file) }
        if !allowingExposure, let reason = reason(exposure, user) {
            throw AgeError(.exposed, "\(path): \(reason)")
        }
        guard let count = Int(exactly: exposure.file.byteCount), count <= byteLimit else {
            throw AgeError(.limit, "\(path): identity file above \(byteLimit) bytes")
        }
        var got = 0
        let content = try reporting(path) { () throws(FileError) in
            try SecretBytes(byteCount: count) { (output) throws(FileError) in
                got = try file.read(into: &output)
            }
        }
        guard got == count else { throw AgeError(.unreadable, "\(path): shrank while it was read") }
        return content
    }

    /// Writes `content` as the new file at `path`: mode 0600, whole or not at all, durable when this returns, and
    /// never in the place of another. Throws `unreadable`.
    package static func create(_ path: Path, content: RawSpan) throws(AgeError) {
        try reporting(path) { () throws(FileError) in
            try Directory(path.parent).write(content, to: path.name, mode: 0o600, .never)
        }
    }

    /// Why the file is no place for a key; nil where it is one.
    private static func reason(_ exposure: FileExposure, _ user: UInt32) -> String? {
        if exposure.isForeign(to: user) { return "the identity file belongs to another user" }
        if exposure.isOpenToOthers { return "group or others may read or write the identity file" }
        if exposure.isReplaceable(byOthersThan: user) {
            return "others may put another file in the place of the identity file"
        }
        return nil
    }

    /// Runs `body`; what it throws comes out as `unreadable` with its cause.
    private static func reporting<Result: ~Copyable>(
        _ path: Path, _ body: () throws(FileError) -> Result
    ) throws(AgeError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            throw AgeError(.unreadable, "\(path)", underlying: error)
        }
    }
}
