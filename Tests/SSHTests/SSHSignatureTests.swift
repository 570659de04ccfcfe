import SSH
import Sodium
import Support
import Testing

@Suite struct SSHSignatureTests {
    private let files = KeyFiles()
    private let message = Array("generation 1\n".utf8)

    @Test(arguments: ["sha256", "sha512"])
    func `a signature of ssh-keygen verifies and gives its key`(_ hash: String) throws {
        let path = files.make("ed25519", "key")
        let text = files.sign(message, key: path, namespace: "git", options: ["-O", "hashalg=\(hash)"])
        let signature = try SSHSignature(armored: text)
        #expect(signature.hashAlgorithm.rawValue == hash)
        let key = try signature.verify(message: message, namespace: "git")
        #expect(key == (try SSHPublicKey(text: KeyFiles.read(path + ".pub"))))
        #expect(Array(signature.armored.utf8) == text)
        #expect(try SSHSignature(blob: signature.blob) == signature)
    }

    @Test func `a signature of ours is the one that ssh-keygen makes with the same key`() throws {
        let path = files.make("ed25519", "key")
        let key = try SigningKey(openSSH: SecretBytes(file: KeyFiles.read(path)))
        for length in [0, 1, 1_000, 100_000] {
            let message = [UInt8](repeating: 0x61, count: length)
            let ours = SSHSignature.sign(message, namespace: "strongroom-keyring", with: key)
            let theirs = files.sign(message, key: path, namespace: "strongroom-keyring")
            #expect(Array(ours.armored.utf8) == theirs)
        }
    }

    @Test func `ssh-keygen verifies a signature of ours`() throws {
        let key = SigningKey(seed: .seed(3))
        let signature = SSHSignature.sign(message, namespace: "file", with: key)
        let directory = ScratchFiles()
        let signers = directory.write("signers", "ada \(key.publicKey.text)\n")
        let armor = directory.write("signature", signature.armored)
        func verify(_ message: [UInt8]) -> Int32 {
            ShellCommand.run(
                "ssh-keygen", ["-Y", "verify", "-f", signers, "-I", "ada", "-n", "file", "-s", armor],
                stdin: message
            ).status
        }
        #expect(verify(message) == 0)
        #expect(verify(message + [0]) != 0)
    }

    @Test func `another message, namespace or key is refused`() throws {
        let signature = SSHSignature.sign(message, namespace: "git", with: SigningKey(seed: .seed(3)))
        let other = SSHSignature.sign(message, namespace: "git", with: SigningKey(seed: .seed(4)))
        #expect(throws: Never.self) { try signature.verify(message: message, namespace: "git") }
        #expect(
            code { () throws(SSHError) in _ = try signature.verify(message: message + [0], namespace: "git") }
                == .badSignature)
        for namespace in ["file", "git2", "gi", "", "GIT"] {
            #expect(
                code { () throws(SSHError) in _ = try signature.verify(message: message, namespace: namespace)
                } == .wrongNamespace)
        }
        // The key of one signature with the bytes of another.
        let swapped = blob(key: signature.publicKey.wire, signature: Array(other.blob.suffix(83)))
        #expect(
            code { () throws(SSHError) in
                _ = try SSHSignature(blob: swapped).verify(message: message, namespace: "git")
            } == .badSignature)
    }

    @Test func `F054 what is not exactly an SSHSIG of version 1 is refused`() throws {
        let key = SigningKey(seed: .seed(3))
        let wire = key.publicKey.wire
        let field = string("ssh-ed25519") + string([UInt8](repeating: 1, count: 64))
        #expect(throws: Never.self) { try SSHSignature(blob: blob(key: wire, signature: field)) }
        let cases: [([UInt8], SSHError.Code)] = [
            (blob(key: wire, signature: field, version: 0), .malformed),
            (blob(key: wire, signature: field, version: 2), .malformed),
            (blob(key: wire, signature: field, magic: "SSHSIH"), .malformed),
            (blob(key: wire, signature: field, namespace: ""), .malformed),
            (blob(key: wire, signature: field, reserved: "x"), .malformed),
            (blob(key: wire, signature: field, hash: "sha1"), .unsupportedAlgorithm),
            (blob(key: wire, signature: field, hash: "SHA512"), .unsupportedAlgorithm),
            (blob(key: wire, signature: field, hash: ""), .unsupportedAlgorithm),
            (blob(key: wire, signature: field) + [0], .malformed),
            (blob(key: wire + [0], signature: field), .malformed),
            (blob(key: wire, signature: field + [0]), .malformed),
            (blob(key: wire, signature: string("ssh-ed25519") + string([1])), .malformed),
            (blob(key: wire, signature: string("ssh-rsa") + string([1])), .unsupportedAlgorithm),
            (blob(key: string("ssh-dss") + string([1]), signature: field), .unsupportedKeyType),
        ]
        for (bytes, expected) in cases {
            #expect(code { () throws(SSHError) in _ = try SSHSignature(blob: bytes) } == expected)
        }
    }

    @Test func `F054 an RSA signature over SHA-1 is refused`() {
        let wire = string("ssh-rsa") + string([1, 0, 1]) + string([UInt8](repeating: 7, count: 256))
        let value = string([UInt8](repeating: 7, count: 256))
        for (name, expected) in [
            ("ssh-rsa", SSHError.Code.unsupportedAlgorithm), ("rsa-sha2-384", .unsupportedAlgorithm),
            ("ecdsa-sha2-nistp256", .unsupportedAlgorithm), ("rsa-sha2-256", nil), ("rsa-sha2-512", nil),
        ] {
            #expect(
                code { () throws(SSHError) in
                    _ = try SSHSignature(blob: blob(key: wire, signature: string(name) + value))
                } == expected)
        }
    }

    @Test func `a truncated blob is refused at each length`() {
        let blob = SSHSignature.sign(message, namespace: "git", with: SigningKey(seed: .seed(3))).blob
        for length in 0..<blob.count {
            #expect(code { () throws(SSHError) in _ = try SSHSignature(blob: Array(blob[..<length])) } != nil)
        }
    }

    @Test func `no flipped bit leaves a signature that verifies`() throws {
        let blob = SSHSignature.sign(message, namespace: "git", with: SigningKey(seed: .seed(3))).blob
        for offset in blob.indices {
            for bit in 0..<8 {
                var changed = blob
                changed[offset] ^= 1 << UInt8(bit)
                guard let signature = try? SSHSignature(blob: changed) else { continue }
                #expect(signature.blob == changed)
                #expect(throws: SSHError.self) { try signature.verify(message: message, namespace: "git") }
            }
        }
    }

    @Test func `armor with anything around, between or missing is refused`() throws {
        let text = SSHSignature.sign(message, namespace: "git", with: SigningKey(seed: .seed(3))).armored
        #expect(throws: Never.self) { try SSHSignature(armored: text) }
        #expect(throws: Never.self) { try SSHSignature(armored: String(text.dropLast())) }
        let lines = text.split(separator: "\n").map(String.init)
        func join(_ lines: [String], _ end: String = "\n") -> String { lines.joined(separator: end) + end }
        var ragged = lines
        ragged[1] = String(lines[1].dropLast())
        ragged[2] = String(lines[1].suffix(1)) + lines[2]
        for bad in [
            "", "\n" + text, text + "\n", " " + text, text + "x", join(lines, "\r\n"), join(lines.reversed()),
            join(Array(lines.dropFirst())), join(Array(lines.dropLast())), join([lines[0], lines[4]]),
            join([lines[0], ""] + lines[1...]), join(ragged),
            join([lines[0], lines[1...3].joined(), lines[4]]),
            text.replacing("SSH SIGNATURE", with: "SSH SIGNATURF"), text.replacing("=", with: ""),
        ] {
            #expect(code { () throws(SSHError) in _ = try SSHSignature(armored: bad) } != nil)
        }
        for length in 0..<(text.utf8.count - 1) {
            #expect(
                code { () throws(SSHError) in _ = try SSHSignature(armored: Array(text.utf8.prefix(length))) }
                    != nil)
        }
    }

    /// A blob of these parts.
    private func blob(
        key: [UInt8], signature: [UInt8], version: UInt8 = 1, magic: String = "SSHSIG",
        namespace: String = "git", reserved: String = "", hash: String = "sha512"
    ) -> [UInt8] {
        let head = Array(magic.utf8) + [0, 0, 0, version] + string(key)
        return head + string(namespace) + string(reserved) + string(hash) + string(signature)
    }
}

/// Files of a test that other programs read.
struct ScratchFiles {
    private let repository: ScratchRepository
    private let directory = TemporaryDirectory("strongroom-ssh")

    init() { repository = ScratchRepository(at: directory.path) }

    /// Writes a file and returns its path.
    func write(_ name: String, _ text: String) -> String {
        repository.write(name, text)
        return directory.file(name)
    }
}
