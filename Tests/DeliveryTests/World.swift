import Encodings
import Files
import Git
import Glibc
import Keyrings
import SSH
import Sealing
import Sodium
import Support
import Trust

@testable import Delivery

/// A config repository with rules, a keyring of the environment `prod`, a member, and commits signed by git with a
/// key that ssh-keygen made; a state directory; a target.
final class World: Sendable {
    let scratch: TemporaryDirectory
    let repository: ScratchRepository
    let member: X25519Identity
    let keyring: Keyring
    let seed: [UInt8]
    let id: RepositoryID

    /// The line that the standard fixture hides; a value that nothing but the delivered file may hold.
    static let canary = "CANARY-7f3d91c2-correct-horse"

    init() throws {
        scratch = TemporaryDirectory("strongroom-sync")
        member = X25519Identity.generate()
        seed = RandomBytes.make(32)
        id = RepositoryID(random: RandomBytes.make(16))
        let admin = SigningKey(seed: seed.withBytes { SecretBytes(copying: $0) })
        keyring = try Keyring.create(
            environment: "prod", members: [Member(name: "host", recipient: member.recipient.text)],
            signingWith: admin)
        repository = ScratchRepository(creating: scratch.file("config"))
        unsafe mkdir(scratch.file("state"), 0o700)
        for name in ["alice", "mallory"] {
            let made = ShellCommand.run(
                "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", scratch.file(name)])
            precondition(made.status == 0, made.errorText)
        }
        repository.git("config", "gpg.format", "ssh")
        sign(as: "alice")
        write(rules: standardRules)
        repository.write("Keys/prod.yaml", keyring.yaml)
        repository.write("deploy/prod/app.yaml", "listen: 8080\n")
        try seal("deploy/prod/database.yaml", World.secret(World.canary))
    }

    /// The rules of most tests, without their first lines.
    let standardRules = """
          - { paths: ["deploy/prod/*.key"], environment: prod, sealed: file, required: true }
          - { paths: ["deploy/prod/strict/**"], environment: prod, values: ["password"], required: true }
          - { paths: ["deploy/prod/**"], environment: prod }
        """

    static func secret(_ value: String) -> String {
        """
        # The database.
        apiVersion: v1
        kind: Secret
        metadata: {name: database, namespace: shop}
        stringData:
          username: &user shop
          password: \(value)   # rotated
        """
    }

    func write(rules: String, id: RepositoryID? = nil) {
        repository.write(
            ".strongroom.yaml", "version: 1\nrepository: \(id ?? self.id)\nkeyrings: Keys\nrules:\n\(rules)\n"
        )
    }

    func rules() throws -> Rules { try Rules(parsing: read(".strongroom.yaml")) }

    func read(_ name: String) -> [UInt8] {
        ShellCommand.run("/bin/cat", [repository.path + "/" + name]).stdout
    }

    /// Writes the document with the values that the rules choose sealed.
    func seal(_ name: String, _ text: String) throws {
        let keyring = keyring
        let sealer = DocumentSealer(rules: try rules()) { _ in keyring.sealingKey }
        repository.write(name, try sealer.seal(Array(text.utf8), path: Array(name.utf8)).bytes)
    }

    /// Writes the bytes as a sealed file, sealed for `place` where that is given.
    func sealFile(_ name: String, _ bytes: [UInt8], for place: String? = nil) throws {
        let sealed = try bytes.withBytes { (span) throws(SealingError) in
            try SealedFile.seal(
                span, to: keyring.sealingKey, repository: id, path: Array((place ?? name).utf8))
        }
        repository.write(name, sealed)
    }

    /// Has the next commits signed by a key of this name; nil for none.
    func sign(as name: String?) {
        repository.git("config", "commit.gpgsign", name == nil ? "false" : "true")
        guard let name else { return }
        repository.git("config", "user.signingkey", scratch.file(name))
    }

    /// The policy that allows alice.
    func policy(range: Bool = false, options: String = "") throws -> SignaturePolicy {
        let key = String(
            decoding: ShellCommand.run("/bin/cat", [scratch.file("alice.pub")]).stdout, as: UTF8.self)
        let line = "alice@example.org \(options)\(key)"
        return try SignaturePolicy.allowedSigners(parsing: Array(line.utf8), range: range)
    }

    func source(branch: String? = "main", commit: String? = nil, path: String = "deploy/prod") throws
        -> Source
    {
        try Source(
            name: "config", url: repository.path, branch: commit == nil ? branch : nil, commit: commit,
            path: path)
    }

    func target(_ name: String = "app", _ layout: FilesTarget.Layout = .generation) throws -> FilesTarget {
        try FilesTarget(directory: Path(scratch.file(name)), layout: layout)
    }

    func reconciliation(
        source: Source? = nil, policy: SignaturePolicy? = nil, root: Fingerprint? = nil, pins: Pins? = nil,
        identities: [X25519Identity]? = nil, expecting: RepositoryID? = nil, last: String? = nil,
        targets: [Target]? = nil, rendering: Rendering? = nil, maximumLoss: Int = 100,
        hook: (any DeliveryHook)? = nil
    ) throws -> Reconciliation {
        let trust = try KeyringTrust(root: root ?? (pins == nil ? keyring.root : nil), pins: pins)
        return try Reconciliation(
            source: source ?? self.source(), policy: policy ?? self.policy(),
            opener: TreeOpener(
                environment: "prod", repository: expecting ?? id, trust: trust,
                renderings: rendering.map { ["config": $0] } ?? [:],
                identities: (identities ?? [member]).map { .x25519($0) }),
            targets: targets ?? [.files(target())], state: SyncState(directory: Path(scratch.file("state"))),
            lastTrusted: last.map { try ObjectID(hex: $0) }, maximumLoss: maximumLoss, hook: hook)
    }

    /// A delivered file's text.
    func delivered(_ name: String) -> String? {
        let outcome = ShellCommand.run("/bin/cat", [scratch.file("app/\(name)")])
        return outcome.status == 0 ? String(decoding: outcome.stdout, as: UTF8.self) : nil
    }

    var hasTarget: Bool { unsafe access(scratch.file("app"), F_OK) == 0 }
}

/// The code that a run ends with, nil where it ends well; and its words may not hold the canary.
func ending(_ run: @autoclosure () throws -> Reconciliation) async throws -> DeliveryError.Code? {
    let reconciliation = try run()
    do throws(DeliveryError) {
        _ = try await reconciliation.run(at: time(1_700_001_000))
        return nil
    } catch {
        precondition(!everyWord(of: error).contains("CANARY"), "a secret in an error")
        return error.code
    }
}

/// All that an error and its causes could ever say.
func everyWord(of error: any Error) -> String {
    var text = "\(error) \(String(reflecting: error))"
    dump(error, to: &text, maxDepth: 12)
    return text
}
