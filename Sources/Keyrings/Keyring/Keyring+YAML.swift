internal import Documents
internal import Encodings
internal import SSH
package import Trust

extension Keyring {
    /// The longest file that is read.
    package static let fileByteLimit = 16 << 20

    /// The file `Keys/<environment>.yaml`: the same keyring always gives the same bytes (FORMAT.md §5).
    package var yaml: [UInt8] {
        KeyringFile(environment: environment, generations: chain.generations, body: body).yaml(
            comment: """
                Keyring of the environment \(environment): who can open what is sealed for it, and who may change that.
                Written by strongroom keys. All but the comments is covered by the signatures below.
                """)
    }

    /// The keyring in the file `yaml`, verified, for the environment that the file's name says.
    ///
    /// The text is for people: from its fields the signed bytes are made again and checked, so that nothing but
    /// a comment can be changed in it. Throws `malformed` with the line for what is no keyring file,
    /// `wrongEnvironment`, and as `init(environment:generations:body:)` and `KeyringBody`.
    package init(parsing yaml: [UInt8], environment: String) throws(KeyringError) {
        let file = try KeyringFile(parsing: yaml, environment: environment)
        try self.init(environment: environment, generations: file.generations, body: file.body)
    }

    /// What the file `yaml` says of itself, of which nothing is verified: good for passing over what is not looked for.
    /// Nil where it is no keyring file of `environment`.
    package static func claim(
        in yaml: [UInt8], environment: String
    ) -> (root: Fingerprint, generation: UInt64)? {
        guard let file = try? KeyringFile(parsing: yaml, environment: environment),
            let first = file.generations.first, let last = file.generations.last
        else { return nil }
        return (first.header.fingerprint, last.header.generation)
    }
}

extension KeyringProposal {
    /// The file `Keys/<environment>.proposal.yaml`: the keyring file as it will be, with too few signatures on the
    /// newest generation (FORMAT.md §5.1).
    package var yaml: [UInt8] {
        KeyringFile(environment: environment, generations: (base?.generations ?? []) + [pending], body: body)
            .yaml(
                comment: """
                    Proposal for the keyring of the environment \(environment), which is not in force yet: \
                    \(missingCount) more of its admins have to sign it.
                    Read it, then: strongroom keys sign --environment \(environment)
                    """)
    }

    /// The proposal in the file `yaml`, with signatures that are verified as far as they go. Throws as
    /// `Keyring.init(parsing:environment:)`.
    package init(parsing yaml: [UInt8], environment: String) throws(KeyringError) {
        let file = try KeyringFile(parsing: yaml, environment: environment)
        try self.init(environment: environment, generations: file.generations, body: file.body)
    }
}

/// The fields of a keyring's file; nothing of it is verified but that each field is well formed.
private struct KeyringFile {
    let environment: String
    let generations: [SignedGeneration]
    let body: KeyringBody
    private static let version = 1

    init(environment: String, generations: [SignedGeneration], body: KeyringBody) {
        self.environment = environment
        self.generations = generations
        self.body = body
    }

    /// The file under the lines of `comment`.
    func yaml(comment: String) -> [UInt8] {
        var writer = YAMLWriter()
        writer.comment(comment)
        writer.entry("version", .int(KeyringFile.version))
        writer.entry("environment", .string(environment))
        writer.entry("members", .sequence(body.members.map(KeyringFile.value(of:))))
        writer.entry("epochs", .sequence(body.epochs.map(KeyringFile.value(of:))))
        writer.entry("generations", .sequence(generations.map(KeyringFile.value(of:))))
        return writer.bytes
    }

    /// The fields of `yaml`, which must be the file of `environment`.
    init(parsing yaml: [UInt8], environment: String) throws(KeyringError) {
        self.environment = environment
        guard yaml.count <= Keyring.fileByteLimit else {
            throw KeyringError(.malformed, "keyring: the file is too long")
        }
        do {
            let file = try YAMLNode(parsing: yaml).mapping(allowed: [
                "version", "environment", "members", "epochs", "generations",
            ])
            guard try file.required("version").int() == KeyringFile.version else {
                throw KeyringError(.unsupported, "keyring: a version that is not known here")
            }
            guard try file.required("environment").string().utf8.elementsEqual(environment.utf8) else {
                throw KeyringError(.wrongEnvironment, "keyring: another environment's than its name says")
            }
            body = try KeyringBody(
                members: file.required("members").list().map {
                    try KeyringFile.read($0, KeyringFile.member(from:))
                },
                epochs: file.required("epochs").list().map {
                    try KeyringFile.read($0, KeyringFile.epoch(from:))
                })
            generations = try file.required("generations").list().map { node in
                try KeyringFile.read(node) { try KeyringFile.generation(from: $0, environment) }
            }
        } catch let error as KeyringError {
            throw error
        } catch let error as DocumentError {
            throw KeyringError(.malformed, "keyring: \(error.description)", underlying: error)
        } catch {
            throw KeyringError(.malformed, "keyring: not well formed", underlying: error)
        }
    }

    /// Runs `body` and tells what it throws with the line of `node`.
    private static func read<Part>(_ node: YAMLNode, _ body: (YAMLNode) throws -> Part) throws -> Part {
        func malformed(_ context: String, _ cause: any Error) -> KeyringError {
            KeyringError(.malformed, "keyring, line \(node.line): \(context)", underlying: cause)
        }
        do {
            return try body(node)
        } catch let error as AgeError {
            throw malformed(error.context, error)
        } catch let error as EncodingError {
            throw malformed(error.context, error)
        } catch let error as SSHError {
            throw malformed(error.context, error)
        } catch let error as TrustError {
            throw malformed(error.context, error)
        }
    }

    // MARK: - Members

    private static func value(of member: Member) -> YAMLWriter.Value {
        var fields: [(key: String, value: YAMLWriter.Value)] = [
            ("name", .string(member.name)), ("recipient", .string(member.recipient.text)),
        ]
        if !member.roles.isEmpty {
            fields.append(("roles", .flowSequence(member.roles.map { .string($0.name) })))
        }
        if member.firstEpoch > 1 {
            fields.append(("firstEpoch", .int(Int(member.firstEpoch))))
        }
        return .mapping(fields)
    }

    private static func member(from node: YAMLNode) throws -> Member {
        let fields = try node.mapping(allowed: ["name", "recipient", "roles", "firstEpoch"])
        let roles = try fields.optional("roles")?.list().map { node in
            let name = try node.string()
            guard let role = Member.Role.allCases.first(where: { $0.name == name }) else {
                throw KeyringError(.unsupported, "keyring, line \(node.line): a role that is not known here")
            }
            return role
        }
        let member = try Member(
            name: fields.required("name").string(), recipient: fields.required("recipient").string(),
            roles: Set(roles ?? []), firstEpoch: fields.optional("firstEpoch").map(number(from:)) ?? 1)
        guard try member.recipient.text.utf8.elementsEqual(fields.required("recipient").bytes()) else {
            throw node.expected("a recipient without a comment")
        }
        guard member.roles == roles ?? [] else { throw node.expected("roles in order, each once") }
        return member
    }

    // MARK: - Epochs

    private static func value(of epoch: KeyEpoch) -> YAMLWriter.Value {
        let armor = String(decoding: Armor.encode(epoch.wrappedIdentity), as: UTF8.self)
        return .mapping([
            ("number", .int(Int(epoch.number))), ("suite", .int(Int(KeyEpoch.suite))),
            ("publicKey", .string(epoch.recipient.text)), ("state", .string(epoch.state.name)),
            ("identity", .literal(armor)),
        ])
    }

    private static func epoch(from node: YAMLNode) throws -> KeyEpoch {
        let fields = try node.mapping(allowed: ["number", "suite", "publicKey", "state", "identity"])
        guard try number(from: fields.required("suite")) == KeyEpoch.suite else {
            throw KeyringError(.unsupported, "keyring, line \(node.line): a suite that is not known here")
        }
        let name = try fields.required("state").string()
        guard let state = KeyEpoch.State.allCases.first(where: { $0.name == name }) else {
            throw KeyringError(.unsupported, "keyring, line \(node.line): a state that is not known here")
        }
        return KeyEpoch(
            number: try number(from: fields.required("number")),
            recipient: try X25519Recipient(text: fields.required("publicKey").bytes()), state: state,
            wrappedIdentity: try Armor.decode(fields.required("identity").bytes()))
    }

    // MARK: - Generations

    private static func value(of generation: SignedGeneration) -> YAMLWriter.Value {
        let header = generation.header
        return .mapping([
            ("generation", .int(Int(header.generation))), ("previous", .string(Hex.encode(header.previous))),
            ("threshold", .int(Int(header.threshold))),
            ("admins", .sequence(header.admins.map { .string($0.text) })),
            ("body", .string(Hex.encode(header.bodyHash))),
            ("signatures", .sequence(generation.signatures.map { .literal($0.armored) })),
        ])
    }

    private static func generation(from node: YAMLNode, _ environment: String) throws -> SignedGeneration {
        let fields = try node.mapping(allowed: [
            "generation", "previous", "threshold", "admins", "body", "signatures",
        ])
        let header = try GenerationHeader(
            purpose: .keyring, subject: environment,
            generation: number(from: fields.required("generation")),
            previous: Hex.decode(fields.required("previous").bytes()),
            threshold: number(from: fields.required("threshold")),
            admins: fields.required("admins").list().map { try SSHPublicKey(text: $0.bytes()) },
            bodyHash: Hex.decode(fields.required("body").bytes()))
        return SignedGeneration(
            header: header,
            signatures: try fields.required("signatures").list().map { try SSHSignature(armored: $0.bytes()) }
        )
    }

    private static func number(from node: YAMLNode) throws -> UInt64 {
        guard let number = UInt64(exactly: try node.int()) else { throw node.expected("a positive number") }
        return number
    }
}
