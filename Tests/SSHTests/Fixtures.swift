import SSH
import Sodium
import Support

/// Keys that ssh-keygen makes once for all tests that compare with it.
struct KeyFiles {
    let directory = TemporaryDirectory("strongroom-ssh")

    /// Makes a key pair and returns the path of the private file; the public one has `.pub` after it.
    func make(_ type: String, _ name: String, passphrase: String = "", options: [String] = []) -> String {
        let path = directory.file(name)
        let outcome = ShellCommand.run(
            "ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "a comment", "-f", path] + options)
        precondition(outcome.status == 0, outcome.errorText)
        return path
    }

    /// Signs `message` with `ssh-keygen -Y sign` and returns the armored signature.
    func sign(_ message: [UInt8], key: String, namespace: String, options: [String] = []) -> [UInt8] {
        let outcome = ShellCommand.run(
            "ssh-keygen", ["-Y", "sign", "-f", key, "-n", namespace] + options, stdin: message)
        precondition(outcome.status == 0, outcome.errorText)
        return outcome.stdout
    }

    /// The bytes of a file.
    static func read(_ path: String) -> [UInt8] { ShellCommand.run("cat", [path]).stdout }
}

extension SecretBytes {
    /// Guarded memory with the bytes of a test's private key file.
    init(file: [UInt8]) {
        self = file.withBytes { SecretBytes(copying: $0) }
    }

    /// 32 times `byte`.
    static func seed(_ byte: UInt8) -> SecretBytes {
        SecretBytes(file: [UInt8](repeating: byte, count: 32))
    }
}

/// The code of the error that `body` throws, nil where it throws none.
func code(_ body: () throws(SSHError) -> Void) -> SSHError.Code? {
    do {
        try body()
        return nil
    } catch {
        return error.code
    }
}

/// An SSH string (RFC 4251 §5).
func string(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + bytes
}

/// An SSH string of text.
func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }
