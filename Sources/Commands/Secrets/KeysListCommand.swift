internal import ArgumentParser
internal import Keyrings
internal import SSH
internal import Trust

/// `strongroom keys list`: who can open, and who may change that.
struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List members, admins and epochs of keyrings; needs no key.")

    @Option(
        help: ArgumentHelp("Only this environment. Default: all of the repository.", valueName: "name"))
    var environment: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let keyrings = try (environment.map { [$0] } ?? checkout.environments()).map { name in
            try EnvironmentName.check(name)
            let keyring = try checkout.keyring(name)
            try trust.verify(keyring, of: checkout, sealing: false)
            return keyring
        }
        guard !json else { return try Console.json(keyrings.map(KeyringDocument.init)) }
        for keyring in keyrings {
            let newest = keyring.chain.newest
            Console.print(
                "\(keyring.environment): generation \(keyring.generation), epoch \(keyring.sealingKey.epoch), "
                    + "root \(keyring.root)")
            Console.table(
                ["MEMBER", "KIND", "ROLES", "EPOCHS", "RECIPIENT"],
                keyring.body.members.map { member in
                    [
                        member.name, member.recipient.kind,
                        member.roles.isEmpty ? "-" : member.roles.map(\.name).joined(separator: ","),
                        "\(member.firstEpoch)-", member.recipient.text,
                    ]
                })
            let word = newest.threshold == 1 ? "any one signs" : "\(newest.threshold) sign"
            Console.print("admins (\(word)):")
            for admin in newest.admins { Console.print("  \(admin.text)") }
        }
    }
}

/// A keyring as `--json` shows it.
private struct KeyringDocument: Encodable {
    struct MemberDocument: Encodable {
        let name: String
        let kind: String
        let recipient: String
        let roles: [String]
        let epochs: [UInt64]
    }

    struct EpochDocument: Encodable {
        let number: UInt64
        let publicKey: String
        let state: String
    }

    let environment: String
    let generation: UInt64
    let root: String
    let threshold: UInt64
    let admins: [String]
    let members: [MemberDocument]
    let epochs: [EpochDocument]

    init(_ keyring: Keyring) {
        environment = keyring.environment
        generation = keyring.generation
        root = keyring.root.description
        threshold = keyring.chain.newest.threshold
        admins = keyring.chain.newest.admins.map(\.text)
        members = keyring.body.members.map { member in
            MemberDocument(
                name: member.name, kind: member.recipient.kind, recipient: member.recipient.text,
                roles: member.roles.map(\.name), epochs: keyring.body.epochs(readableBy: member))
        }
        epochs = keyring.body.epochs.map { epoch in
            EpochDocument(number: epoch.number, publicKey: epoch.recipient.text, state: epoch.state.name)
        }
    }
}
