import Glibc

extension Directory {
    /// Bytes that this process's user may still write to the file system. fstatvfs(3).
    package borrowing func freeByteCount() throws(FileError) -> UInt64 {
        let file = try duplicate()
        var status = statvfs()
        try SystemCall.run("fstatvfs(3)", path) { unsafe fstatvfs(file.descriptor.rawValue, &status) }
        return UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
    }
}
