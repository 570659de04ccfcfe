import Encodings
import SSH
import Sodium
import Support
import Testing

/// Signatures by every type of key, each also put to ssh-keygen: what is taken here is taken there.
@Suite struct KeyTypeTests {
    private let files = KeyFiles()
    private let message = Array("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n".utf8)

    static let types: [[String]] = [
        ["ed25519"], ["rsa", "-b", "2048"], ["rsa", "-b", "3072"], ["rsa", "-b", "4096"],
        ["ecdsa", "-b", "256"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"],
    ]

    @Test(arguments: types, ["sha256", "sha512"])
    func `a signature of ssh-keygen verifies, and with any bit flipped does not`(
        _ type: [String], _ hash: String
    ) throws {
        let path = files.make(type[0], "key", options: Array(type.dropFirst()))
        let text = files.sign(message, key: path, namespace: "git", options: ["-O", "hashalg=\(hash)"])
        let signature = try SSHSignature(armored: text)
        #expect(Array(signature.armored.utf8) == text)
        #expect(try SSHSignature(blob: signature.blob) == signature)
        #expect(signature.securityKey == nil)
        let key = try signature.verify(message: message, namespace: "git", securityKeys: .verification)
        #expect(key == (try SSHPublicKey(text: KeyFiles.read(path + ".pub"))))
        #expect(throws: SSHError.self) { try signature.verify(message: message + [0], namespace: "git") }
        var taken = 0
        for offset in signature.blob.indices {
            var changed = signature.blob
            changed[offset] ^= 1 << UInt8(offset % 8)
            guard let other = try? SSHSignature(blob: changed) else { continue }
            #expect(other.blob == changed)
            if (try? other.verify(message: message, namespace: "git")) != nil { taken += 1 }
        }
        #expect(taken == 0)
    }

    @Test func `a signature that is cut off is refused at each length`() throws {
        for type in [["rsa", "-b", "2048"], ["ecdsa", "-b", "521"]] {
            let path = files.make(type[0], "key-\(type[0])", options: Array(type.dropFirst()))
            let blob = try SSHSignature(armored: files.sign(message, key: path, namespace: "git")).blob
            for length in 0..<blob.count {
                #expect(
                    code { () throws(SSHError) in _ = try SSHSignature(blob: Array(blob[..<length])) } != nil)
            }
        }
    }

    @Test func `a signature by an RSA key of 1024 bits is refused, though ssh-keygen takes it`() throws {
        let path = files.make("rsa", "short", options: ["-b", "1024"])
        let signature = try SSHSignature(armored: files.sign(message, key: path, namespace: "git"))
        #expect(
            code { () throws(SSHError) in _ = try signature.verify(message: message, namespace: "git") }
                == .weakKey)
    }

    // MARK: - Security keys

    @Test func `a security key's signature counts where somebody touched it`() throws {
        for key in [SoftSecurityKey.ed25519(seed: 7), .ecdsa(files)] {
            for (flags, use, expected) in [
                (UInt8(0x01), SecurityKeyUse.presence, nil), (0x05, .presence, nil),
                (0x05, .verification, nil),
                (0x01, .verification, .userNotPresent), (0x00, .presence, .userNotPresent),
                (0x04, .presence, .userNotPresent), (0x04, .verification, .userNotPresent), (0x00, .any, nil),
            ] as [(UInt8, SecurityKeyUse, SSHError.Code?)] {
                let signature = try SSHSignature(blob: key.sign(message, flags: flags, counter: 258))
                #expect(signature.securityKey?.flags == flags)
                #expect(signature.securityKey?.counter == 258)
                #expect(
                    code { () throws(SSHError) in
                        _ = try signature.verify(message: message, namespace: "git", securityKeys: use)
                    } == expected)
                // ssh-keygen looks at no flag: it is the looser one.
                #expect(isTakenBySSHKeygen(signature))
            }
        }
    }

    @Test func `a security key's flags, counter and application are under its signature`() throws {
        for key in [SoftSecurityKey.ed25519(seed: 7), .ecdsa(files)] {
            let blob = try key.sign(message, flags: 1, counter: 9)
            #expect(throws: Never.self) {
                try SSHSignature(blob: blob).verify(message: message, namespace: "git")
            }
            for offset in blob.indices.suffix(5) {
                var changed = blob
                changed[offset] ^= 0x80
                let signature = try SSHSignature(blob: changed)
                #expect(
                    code { () throws(SSHError) in
                        _ = try signature.verify(message: message, namespace: "git", securityKeys: .any)
                    } == .badSignature)
                #expect(!isTakenBySSHKeygen(signature))
            }
            var other = key
            other.application = "ssh:other"
            let moved = try key.sign(message, flags: 1, counter: 9, publicKey: other.publicKey)
            #expect(
                code { () throws(SSHError) in
                    _ = try SSHSignature(blob: moved).verify(message: message, namespace: "git")
                } == .badSignature)
            for length in 0..<blob.count {
                #expect(
                    code { () throws(SSHError) in _ = try SSHSignature(blob: Array(blob[..<length])) } != nil)
            }
        }
    }

    private func isTakenBySSHKeygen(_ signature: SSHSignature) -> Bool {
        let scratch = ScratchFiles()
        let signers = scratch.write("signers", "ada \(signature.publicKey.text)\n")
        let armor = scratch.write("signature", signature.armored)
        return ShellCommand.run(
            "ssh-keygen", ["-Y", "verify", "-f", signers, "-I", "ada", "-n", "git", "-s", armor],
            stdin: message
        ).status == 0
    }
}

/// A security key without the hardware: what one signs, signed by a key in memory or in a file (PROTOCOL.u2f).
struct SoftSecurityKey {
    private enum Secret {
        case seed(UInt8)
        case file(String, point: [UInt8])
    }
    private let secret: Secret
    var application = "ssh:"

    static func ed25519(seed: UInt8) -> SoftSecurityKey { SoftSecurityKey(secret: .seed(seed)) }

    static func ecdsa(_ files: KeyFiles) -> SoftSecurityKey {
        let path = files.directory.file("p256")
        let made = ShellCommand.run(
            "openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
        precondition(made.status == 0, made.errorText)
        let shown = ShellCommand.run("openssl", ["ec", "-in", path, "-pubout", "-outform", "DER"]).stdout
        return SoftSecurityKey(secret: .file(path, point: Array(shown.suffix(65))))
    }

    private init(secret: Secret) { self.secret = secret }

    private var type: String {
        switch secret {
        case .seed: "sk-ssh-ed25519@openssh.com"
        case .file: "sk-ecdsa-sha2-nistp256@openssh.com"
        }
    }

    /// The public key's wire bytes.
    var publicKey: [UInt8] {
        switch secret {
        case .seed(let byte):
            string(type) + string(Ed25519.publicKey(of: SecretBytes.seed(byte))) + string(application)
        case .file(_, let point): string(type) + string("nistp256") + string(point) + string(application)
        }
    }

    /// The SSHSIG over `message` in the namespace `git`.
    func sign(
        _ message: [UInt8], flags: UInt8, counter: UInt32, publicKey other: [UInt8]? = nil
    ) throws -> [UInt8] {
        let inner =
            Array("SSHSIG".utf8) + string("git") + string("") + string("sha512")
            + string(SHA512.hash(message))
        let tail = [flags] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: counter >> UInt32($0)) }
        let signed = SHA256.hash(Array(application.utf8)) + tail + SHA256.hash(inner)
        let bytes: [UInt8]
        switch secret {
        case .seed(let byte): bytes = Ed25519.KeyPair(seed: .seed(byte)).sign(signed)
        case .file(let path, _):
            let made = ShellCommand.run("openssl", ["dgst", "-sha256", "-sign", path], stdin: signed)
            precondition(made.status == 0, made.errorText)
            // SEQUENCE of two INTEGERs, which are as SSH has them.
            let r = made.stdout[4..<(4 + Int(made.stdout[3]))]
            let s = made.stdout[(r.endIndex + 2)...]
            bytes = string(Array(r)) + string(Array(s))
        }
        let field = string(type) + string(bytes) + tail
        return Array("SSHSIG".utf8) + [0, 0, 0, 1] + string(other ?? publicKey) + string("git") + string("")
            + string("sha512") + string(field)
    }
}
