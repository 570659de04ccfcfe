import Glibc

/// The port that a server of a test chose itself, which it writes into a file once it listens: no two servers can meet on
/// it, and a busy machine only makes it wait.
package enum ServerPort {
    /// The beginning of each server's script: the server ends when the tests do, however they end.
    package static let watch = """
        import os, threading, time

        def watch(parent):
            while os.getppid() == parent: time.sleep(1)
            os._exit(0)

        threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()

        """

    /// Waits for the port in `file`. Traps after a minute, with the end of `log`.
    package static func await(_ file: String, log: String) -> UInt16 {
        for _ in 0..<6000 {
            if let port = UInt16(line(of: file)) { return port }
            usleep(10_000)
        }
        preconditionFailure("no server: \(ShellCommand.run("tail", [log]).text)")
    }

    /// A small file's first line; empty where it is not there.
    private static func line(of file: String) -> String {
        let number = unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return "" }
        defer { close(number) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe Glibc.read(number, &bytes, bytes.count)
        guard count > 1, bytes[count - 1] == 0x0A else { return "" }
        return String(decoding: bytes[..<(count - 1)], as: UTF8.self)
    }
}
