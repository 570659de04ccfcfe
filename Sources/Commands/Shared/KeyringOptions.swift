internal import ArgumentParser
internal import Files
internal import Keyrings
internal import Sealing

/// Which keyring a verb is about.
struct EnvironmentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The environment. Default: the only one that the rules name.", valueName: "name"))
    var environment: String?

    /// The environment that is named, or the only one of the repository. Throws `usage`.
    func name(in checkout: Checkout) throws -> String {
        if let environment {
            try EnvironmentName.check(environment)
            return environment
        }
        let names = Set(checkout.rules.rules.map(\.environment)).sorted()
        guard names.count == 1, let name = names.first else {
            throw Failure(
                .usage, "which environment?",
                hints: ["--environment NAME; the rules name \(names.joined(separator: ", "))"])
        }
        return name
    }
}

/// What every verb takes that changes a keyring.
struct KeyringOptions: ParsableArguments {
    @OptionGroup var environment: EnvironmentOptions

    @Option(
        help: ArgumentHelp(
            "The OpenSSH key that signs the keyring. Default: git's signing key, else one of the identity.",
            valueName: "file"))
    var signingKey: String?

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions
}

/// Admins and threshold, on the verbs that change them.
struct AdminOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "An admin's SSH public key, or the file that holds it; repeatable.", valueName: "key|file"))
    var admin: [String] = []

    @Option(help: "How many admins have to sign the next changes.")
    var threshold: UInt64?
}

extension Checkout {
    /// The names of all environments that have a keyring here, sorted.
    func environments() throws -> [String] {
        let root = try Directory(Path(root))
        guard try root.metadataIfPresent(of: Path(rules.keyrings)) != nil else { return [] }
        return try root.openDirectory(Path(rules.keyrings)).entries().compactMap { entry in
            guard let file = String(validating: entry.name.bytes, as: UTF8.self), file.hasSuffix(".yaml")
            else { return nil }
            let name = String(file.dropLast(5))
            return (try? EnvironmentName.check(name)) == nil ? nil : name
        }.sorted()
    }

    /// All keyrings that can be read.
    func keyrings() throws -> KeyringSet {
        KeyringSet(try environments().compactMap { try? keyring($0) })
    }

    /// The file of a proposal for an environment's keyring, from the root.
    func proposalPath(_ environment: String) -> String {
        "\(rules.keyrings)/\(environment).proposal.yaml"
    }

    /// The proposal for the keyring of `environment`; nil where there is none.
    func proposal(_ environment: String) throws -> KeyringProposal? {
        let path = Path(proposalPath(environment))
        let directory = try Directory(Path(root))
        guard try directory.metadataIfPresent(of: path) != nil else { return nil }
        do {
            return try Failure.about(proposalPath(environment)) {
                try KeyringProposal(
                    parsing: try directory.read(path, limit: Keyring.fileByteLimit), environment: environment)
            }
        } catch {
            throw Failure(
                error.code, error.message,
                hints: error.hints + [
                    "remove the file, or get it back from Git; then propose the change again"
                ])
        }
    }
}
