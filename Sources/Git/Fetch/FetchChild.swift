internal import CGit2
internal import Files
internal import Glibc

/// The side of a fetch that runs in a process of its own. One process serves one request.
package enum FetchChild {
    /// Serves the request that comes over `socket`, a connected stream socket, and returns the exit status.
    ///
    /// The process bounds itself first: address space, size of files, time; it ends when its parent does. It writes
    /// into the request's quarantine alone, and answers last. Reads `HOME` and `SSH_AUTH_SOCK` (libgit2, libssh2).
    package static func serve(on socket: Int32 = 0) -> Int32 {
        ProcessBounds.closeInherited()
        signal(SIGPIPE, SIG_IGN)
        umask(0o077)
        var failure: GitError?
        do throws(GitError) {
            let request = try FetchRequest(receive(from: socket))
            ProcessBounds.endWithParent(request.parent)
            ProcessBounds(
                addressSpace: request.limits.memoryByteCount, fileSize: request.limits.byteCount,
                seconds: request.limits.seconds + 5
            ).apply()
            let secret = try SecretText(receivingAllFrom: socket)
            try serve(request, secret)
        } catch {
            failure = error
        }
        let answer = FetchAnswer.encode(failure)
        let isSent = unsafe answer.withUnsafeBytes { bytes in
            unsafe send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        }
        return failure == nil && isSent ? 0 : 1
    }

    private static func serve(_ request: FetchRequest, _ secret: SecretText) throws(GitError) {
        try Git.start()
        try Git.boundMaps()
        if let directory = request.location.directory {
            let quarantine = try Repository(
                directory: request.quarantine, configuration: request.quarantine.appending("config"))
            _ = try LocalFetch(directory, scope: request.scope, limits: request.limits).fill(
                quarantine, isRenamed: false)
            return
        }
        try RemoteFetch(request, secret).fill()
    }

    /// The request's bytes: a length of 32 bits, big-endian, and as many bytes, at most 1 MiB.
    private static func receive(from socket: Int32) throws(GitError) -> [UInt8] {
        let length = try receive(4, from: socket).reduce(0) { $0 << 8 | Int($1) }
        guard length <= 1 << 20 else { throw GitError(.processFailed, "a request of \(length) bytes") }
        return try receive(length, from: socket)
    }

    private static func receive(_ count: Int, from socket: Int32) throws(GitError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var offset = 0
        while offset < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(socket, buffer.baseAddress?.advanced(by: offset), count - offset)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw GitError(.processFailed, "a request that ends early") }
            offset += got
        }
        return bytes
    }
}
