import Glibc

/// A fresh directory below the system's temporary directory or another, removed with all its content when released.
package final class TemporaryDirectory: Sendable {
    /// The absolute path, without a trailing slash.
    package let path: String

    /// Makes the directory with mode 0700. Traps where that fails: no test can run then.
    package init(_ label: String = "strongroom", in place: String = "/tmp") {
        var template = Array("\(place)/\(label)-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { preconditionFailure("mkdtemp: errno \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { TemporaryDirectory.removeTree(path) }

    /// The path of `name` below the directory.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes `path` and all below it, whatever the modes of the directories in it. Links are not followed.
    package static func removeTree(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unsafe unlink(path)
            return
        }
        unsafe chmod(path, 0o700)
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe [UInt8](bytes.prefix { $0 != 0 })
                }
                guard name != Array(".".utf8), name != Array("..".utf8) else { continue }
                // Names that are not UTF-8 would not survive the way through String.
                removeEntry(name, in: path)
            }
            unsafe closedir(directory)
        }
        unsafe rmdir(path)
    }

    private static func removeEntry(_ name: [UInt8], in directory: String) {
        if let text = String(validating: name, as: UTF8.self) {
            removeTree("\(directory)/\(text)")
            return
        }
        let bytes = (Array(directory.utf8) + [0x2F] + name + [0]).map { CChar(bitPattern: $0) }
        if unsafe unlink(bytes) != 0 { unsafe rmdir(bytes) }
    }
}
