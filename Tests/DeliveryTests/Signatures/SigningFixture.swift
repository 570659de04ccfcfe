import Encodings
import Files
import Git
import Glibc
import SSH
import Sodium
import Support

@testable import Delivery

/// Keys of every kind, a repository to put objects into, and `git` set up to verify with the same keys: made once.
final class SigningFixture: Sendable {
    static let shared = SigningFixture()

    /// Why a test that needs gpg is left out.
    static let absence = "gpg and gpgv are not here (Scripts/packages test)"
    static let hasGnuPG =
        Vectors.isCI
        || ["gpg", "gpgv"].allSatisfy { ShellCommand.run($0, ["--version"]).status == 0 }

    let scratch = TemporaryDirectory("strongroom-signing")
    let repository: ScratchRepository
    /// The id of the empty tree and of a commit that is there.
    let tree: String
    let parent: String
    /// The keyring's bytes, and the fingerprints by user name.
    let keyring: [UInt8]
    private let fingerprints: [String: String]
    private let home: String

    /// OpenPGP users whose keys are in the keyring; `stranger` is not.
    static let users = ["good", "rsa", "subkey", "expired", "revoked", "unlisted"]
    /// The time that objects claim.
    static let seconds = 1_700_000_000

    private init() {
        repository = ScratchRepository(creating: scratch.file("repository"))
        tree = repository.object("tree", [])
        parent = repository.commit("first")
        for (name, type) in SigningFixture.keyTypes {
            let made = ShellCommand.run(
                "ssh-keygen",
                ["-q", "-t", type[0], "-N", "", "-C", name, "-f", scratch.file(name)] + type.dropFirst())
            precondition(made.status == 0, made.errorText)
        }
        let folder = ScratchRepository(at: scratch.path)
        var lines: [String] = []
        for (name, _) in SigningFixture.keyTypes {
            guard let options = SigningFixture.options[name] else { continue }
            let key = ShellCommand.run("cat", [scratch.file("\(name).pub")]).text
            lines.append("\(name)@example.org \(options)\(key)")
        }
        lines.append("touch@example.org \(SoftKey.publicKey.text)")
        folder.write("allowed_signers", lines.joined(separator: "\n") + "\n")
        folder.write("revoked", ShellCommand.run("cat", [scratch.file("gone.pub")]).stdout)
        atexit {
            _ = ShellCommand.run("gpgconf", ["--homedir", SigningFixture.shared.home, "--kill", "all"])
            TemporaryDirectory.removeTree(SigningFixture.shared.scratch.path)
        }
        home = scratch.file("gnupg")
        unsafe mkdir(home, 0o700)
        guard SigningFixture.hasGnuPG else {
            (keyring, fingerprints) = ([], [:])
            return
        }
        (keyring, fingerprints) = SigningFixture.makeKeyring(home)
    }

    private static let keyTypes: [(String, [String])] = [
        ("alice", ["ed25519"]), ("mallory", ["ed25519"]), ("old", ["ed25519"]), ("later", ["ed25519"]),
        ("filer", ["ed25519"]), ("gone", ["ed25519"]), ("renewed", ["ed25519"]),
        ("rsa2048", ["rsa", "-b", "2048"]),
        ("rsa1024", ["rsa", "-b", "1024"]), ("p256", ["ecdsa", "-b", "256"]),
        ("p384", ["ecdsa", "-b", "384"]),
        ("p521", ["ecdsa", "-b", "521"]),
    ]
    /// Objects claim a time in November 2023.
    private static let options = [
        "alice": "", "old": "valid-before=\"20240101Z\" ", "later": "valid-after=\"20240101Z\" ",
        "filer": "namespaces=\"file\" ", "gone": "", "rsa2048": "namespaces=\"git\" ", "rsa1024": "",
        "p256": "",
        "p384": "", "p521": "", "renewed": "valid-after=\"20230101Z\",valid-before=\"20990101Z\" ",
    ]

    private static func makeKeyring(_ home: String) -> ([UInt8], [String: String]) {
        func gpg(_ arguments: String..., stdin: [UInt8] = []) -> ShellCommand.Outcome {
            ShellCommand.run(
                "gpg", ["--homedir", home, "--batch", "-q", "--passphrase", ""] + arguments, stdin: stdin)
        }
        var fingerprints: [String: String] = [:]
        for user in users + ["stranger"] {
            let address = "\(user)@example.org"
            let made =
                switch user {
                case "rsa": gpg("--quick-gen-key", address, "rsa2048", "sign", "never")
                case "expired":
                    gpg(
                        "--faked-system-time", "20200101T000000", "--quick-gen-key", address, "ed25519",
                        "sign", "1y")
                default: gpg("--quick-gen-key", address, "ed25519", "sign", "never")
                }
            precondition(made.status == 0, made.errorText)
            let listed = gpg("--with-colons", "--list-keys", address).text.split(separator: "\n")
            let line = listed.first { $0.hasPrefix("fpr:") }?.split(separator: ":").last
            fingerprints[user] = line.map(String.init)
        }
        let subkey = gpg("--quick-add-key", fingerprints["subkey"] ?? "", "ed25519", "sign", "never")
        precondition(subkey.status == 0, subkey.errorText)
        // A revoked key signs no more where that is known: it is revoked in the home of who verifies alone.
        let verifying = home + "-verifying"
        unsafe mkdir(verifying, 0o700)
        func verify(_ arguments: [String], stdin: [UInt8] = []) -> ShellCommand.Outcome {
            ShellCommand.run("gpg", ["--homedir", verifying, "--batch", "-q"] + arguments, stdin: stdin)
        }
        let keys = gpg("--export").stdout
        precondition(verify(["--import"], stdin: keys).status == 0)
        let revocation = ShellCommand.run(
            "sed", ["s/^:-----/-----/", "\(home)/openpgp-revocs.d/\(fingerprints["revoked"] ?? "").rev"])
        precondition(verify(["--import"], stdin: revocation.stdout).status == 0)
        precondition(verify(["--yes", "--delete-keys", fingerprints["stranger"] ?? ""]).status == 0)
        let exported = verify(["--export"])
        return (exported.stdout, fingerprints)
    }

    /// A key's fingerprint.
    func fingerprint(_ user: String) -> String { fingerprints[user] ?? "" }

    // MARK: - Rules

    /// What the fixture allows.
    func rules(openPGP: Bool = hasGnuPG) throws -> SignatureRules {
        var rules = SignatureRules()
        try rules.allow(signers: ShellCommand.run("cat", [scratch.file("allowed_signers")]).stdout)
        try rules.revoke(keys: ShellCommand.run("cat", [scratch.file("revoked")]).stdout)
        if openPGP {
            rules.openPGP = try OpenPGPSigners(
                keyring: keyring,
                keys: SigningFixture.users.filter { $0 != "unlisted" }.map { user throws(DeliveryError) in
                    try OpenPGPSigners.Key(
                        fingerprint: fingerprint(user), principals: "\(user)@example.org")
                })
        }
        return rules
    }

    /// A verifier of these rules, in 2027.
    func verifier(_ rules: SignatureRules? = nil) throws -> SignatureVerifier {
        SignatureVerifier(rules: try rules ?? self.rules(), now: time(1_800_000_000))
    }

    /// Whether git takes the signature of an object of `type`.
    func gitVerifies(_ type: String, _ id: String) -> Bool {
        repository.run(
            "-c", "gpg.ssh.allowedSignersFile=\(scratch.file("allowed_signers"))", "-c",
            "gpg.ssh.revocationFile=\(scratch.file("revoked"))", "verify-\(type)", id,
            adding: ["GNUPGHOME": home + "-verifying"]
        ).status == 0
    }

    // MARK: - Signing

    /// The armored SSH signature that ssh-keygen makes.
    func ssh(
        _ payload: [UInt8], as name: String = "alice", namespace: String = "git", options: [String] = []
    ) -> [UInt8] {
        let signed = ShellCommand.run(
            "ssh-keygen", ["-Y", "sign", "-f", scratch.file(name), "-n", namespace] + options, stdin: payload)
        precondition(signed.status == 0, signed.errorText)
        return signed.stdout
    }

    /// The armored OpenPGP signature that gpg makes.
    func pgp(_ payload: [UInt8], as users: String..., options: [String] = []) -> [UInt8] {
        let names = users.flatMap { ["-u", "\($0)@example.org"] }
        let signed = ShellCommand.run(
            "gpg",
            ["--homedir", home, "--batch", "-q", "--armor"] + options + names
                + (options.contains("--sign") ? [] : ["--detach-sign"]),
            stdin: payload)
        precondition(signed.status == 0, signed.errorText)
        return signed.stdout
    }
}

/// A security key in memory: what one signs, with the flags that a test likes (PROTOCOL.u2f).
enum SoftKey {
    private static var pair: Ed25519.KeyPair {
        Ed25519.KeyPair(seed: [UInt8](repeating: 9, count: 32).withBytes { SecretBytes(copying: $0) })
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        [0, 0, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }

    private static func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }

    private static let type = "sk-ssh-ed25519@openssh.com"
    private static var wire: [UInt8] { string(type) + string(pair.publicKey) + string("ssh:") }

    static var publicKey: SSHPublicKey {
        guard let key = try? SSHPublicKey(wire: wire) else { preconditionFailure("not a key") }
        return key
    }

    /// The armored signature over `payload`.
    static func sign(_ payload: [UInt8], flags: UInt8 = 1) throws -> [UInt8] {
        let inner =
            Array("SSHSIG".utf8) + string("git") + string("") + string("sha512")
            + string(SHA512.hash(payload))
        let tail: [UInt8] = [flags, 0, 0, 0, 5]
        let signed = SHA256.hash(Array("ssh:".utf8)) + tail + SHA256.hash(inner)
        let field = string(type) + string(pair.sign(signed)) + tail
        let blob =
            Array("SSHSIG".utf8) + [0, 0, 0, 1] + string(wire) + string("git") + string("") + string("sha512")
            + string(field)
        return Array(try SSHSignature(blob: blob).armored.utf8)
    }
}

/// An id where none matters.
let anyID = id(of: String(repeating: "1", count: 40))

/// The id that `text` is in hex; traps where it is none.
func id(of text: String) -> ObjectID {
    guard let id = try? ObjectID(hex: text) else { preconditionFailure("not an id: \(text)") }
    return id
}
