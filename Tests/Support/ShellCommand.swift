import Glibc

/// One run of another program, waited for to its end (posix_spawn(3)). Output goes through unnamed files, so
/// that neither a full pipe nor a grandchild that keeps one open can hang a test.
package struct ShellCommand: Sendable {
    /// What a finished program left behind.
    package struct Outcome: Sendable {
        /// The exit status; 128 + signal where a signal ended it, 127 where it could not be started.
        package let status: Int32
        /// All bytes of standard output.
        package let stdout: [UInt8]
        /// All bytes of standard error.
        package let stderr: [UInt8]

        /// Standard output as text, without one trailing line feed.
        package var text: String { ShellCommand.text(stdout) }
        /// Standard error as text, without one trailing line feed.
        package var errorText: String { ShellCommand.text(stderr) }
    }

    /// Runs `executable` (looked up in PATH where it has no slash) and waits for it.
    ///
    /// `environment` replaces the environment where it is given; `stdin` is what the program can read.
    package static func run(
        _ executable: String, _ arguments: [String] = [], environment: [String: String]? = nil,
        directory: String? = nil, stdin: [UInt8] = []
    ) -> Outcome {
        let files = [unnamedFile(), unnamedFile(), unnamedFile()]
        defer { for file in files { close(file) } }
        write(stdin, to: files[0])

        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in files.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, file, Int32(number))
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // Worker threads have all signals blocked, and a shell that can't have SIGCHLD waits for ever.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe posix_spawnattr_setsigmask(&attributes, &mask)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = [executable] + arguments
        if let directory {
            words = ["/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory] + words
        }

        let variables = environment?.map { "\($0.key)=\($0.value)" }
        var process: pid_t = 0
        let failure = Umask.undisturbed {
            unsafe withStrings(words) { argv in
                guard let variables else {
                    return unsafe posix_spawnp(&process, words[0], &actions, &attributes, argv, environ)
                }
                return unsafe withStrings(variables) { envp in
                    unsafe posix_spawnp(&process, words[0], &actions, &attributes, argv, envp)
                }
            }
        }
        guard failure == 0 else {
            return Outcome(status: 127, stdout: [], stderr: Array("posix_spawn: errno \(failure)".utf8))
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 { precondition(errno == EINTR, "waitpid: \(errno)") }
        let signal = status & 0x7F
        return Outcome(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, stdout: read(files[1]),
            stderr: read(files[2]))
    }

    private static func unnamedFile() -> Int32 {
        var template = Array("/tmp/strongroom-command-XXXXXX".utf8CString)
        let file = unsafe mkstemp(&template)
        precondition(file >= 0, "mkstemp: errno \(errno)")
        unsafe unlink(template)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return file
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    private static func withStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an empty list of pointers") }
            return unsafe body(base)
        }
    }

    private static func write(_ bytes: [UInt8], to file: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            precondition(count > 0, "write: errno \(errno)")
            rest = rest.dropFirst(count)
        }
        lseek(file, 0, SEEK_SET)
    }

    private static func read(_ file: Int32) -> [UInt8] {
        let size = Int(lseek(file, 0, SEEK_END))
        guard size > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var offset = 0
            while offset < size {
                let got = unsafe pread(
                    file, buffer.baseAddress?.advanced(by: offset), size - offset, off_t(offset))
                guard got > 0 else { break }
                offset += got
            }
            count = offset
        }
    }
}
