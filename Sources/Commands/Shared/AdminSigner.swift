internal import Assembly
internal import Files
internal import Git
internal import Keyrings
internal import SSH
internal import Subprocess
internal import Trust

/// The SSH key that signs keyrings and store configurations: the file that is named, else git's own signing key
/// where `gpg.format` is ssh, else a key derived from the identity (Keyrings/FORMAT.md §4).
enum AdminSigner: ~Copyable {
    /// A key that is at hand.
    case key(SigningKey)
    /// A key that `ssh-keygen -Y sign` uses: in an agent, on a token, or under a passphrase.
    case program(keyFile: String, publicKey: SSHPublicKey)

    /// The signer of `keyFile`, of git's configuration at `repository`, or of `identity`.
    static func find(
        keyFile: String?, repository: String?, identity: MemberIdentity?
    ) throws -> AdminSigner {
        if let keyFile { return try file(keyFile) }
        if let repository {
            if let path = try gitKey(repository) { return try file(path) }
        }
        guard let identity else {
            throw Failure(
                .usage, "no key to sign with",
                hints: ["--signing-key FILE names an OpenSSH key, --identity an identity"])
        }
        return .key(SigningKey(of: identity))
    }

    /// The key that signatures verify with.
    var publicKey: SSHPublicKey {
        switch self {
        case .key(let key): key.publicKey
        case .program(_, let publicKey): publicKey
        }
    }

    /// The signature over `header`.
    func sign(_ header: GenerationHeader) async throws -> SSHSignature {
        switch self {
        case .key(let key): SignedGeneration.signature(over: header, by: key)
        case .program(let keyFile, _):
            try await AdminSigner.runProgram(keyFile, header.bytes, namespace: header.purpose.namespace)
        }
    }

    /// A private key that can be read is used directly; any other, and a public key, through ssh-keygen.
    private static func file(_ path: String) throws -> AdminSigner {
        let files = IdentityOptions.files(allowExposed: false)
        if !path.hasSuffix(".pub") {
            do {
                return .key(try SigningKey(openSSH: try files.read(path)))
            } catch let error as SSHError
                where error.code == .encryptedKey || error.code == .unsupportedKeyType
            {
                return .program(keyFile: path, publicKey: try publicKey(beside: path + ".pub"))
            } catch let error as SSHError {
                throw error.failure.at(path)
            }
        }
        return .program(keyFile: path, publicKey: try publicKey(beside: path))
    }

    /// The path of the key with which git signs in `repository`, where it signs with SSH keys in files.
    private static func gitKey(_ repository: String) throws -> String? {
        guard let home = Process.variable("HOME") else { return nil }
        let configuration = try UserConfiguration(
            home: Path(home), configHome: Path(Process.variable("XDG_CONFIG_HOME") ?? home + "/.config"),
            workTree: try WorkTree.discover(from: Path(repository)))
        guard configuration.signatureFormat == "ssh", let key = configuration.signingKey,
            !key.hasPrefix("key::"),
            !key.hasPrefix("ssh-")
        else { return nil }
        return expandingHome(key)
    }

    private static func publicKey(beside path: String) throws -> SSHPublicKey {
        try Failure.about(path) {
            let whole = Path(path)
            let text = try Directory(whole.parent).read(whole.name, limit: 1 << 16)
            return try SSHPublicKey(text: text)
        }
    }

    private static func runProgram(_ keyFile: String, _ message: [UInt8], namespace: String) async throws
        -> SSHSignature
    {
        let result: ExecutionResult<Void, BytesOutput, FileDescriptorOutput>
        do {
            result = try await Subprocess.run(
                .name("ssh-keygen"), arguments: ["-Y", "sign", "-n", namespace, "-f", keyFile],
                input: .array(message), output: .bytes(limit: 1 << 16), error: .currentStandardError)
        } catch is SubprocessError {
            throw Failure(.usage, "ssh-keygen cannot be started", hints: ["install openssh-client"])
        }
        guard result.terminationStatus.isSuccess else {
            throw Failure(.refused, "\(keyFile): ssh-keygen did not sign")
        }
        return try SSHSignature(armored: result.standardOutput)
    }

    private static func expandingHome(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = Process.variable("HOME") else { return path }
        return home + path.dropFirst()
    }
}
