internal import ArgumentParser
internal import Keyrings

/// `strongroom keys export`: an environment's public key, or its wrapped identity for stock age.
struct KeysExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print an environment's public key, or its wrapped identity.",
        discussion: """
            The public key is an age recipient. With --wrapped the epoch's identity as an armored age file, which \
            any member opens with stock age where Strongroom is not at hand: age -d -i KEY.
            """)

    @Option(help: "The epoch. Default: the newest.")
    var epoch: UInt64?

    @Flag(help: "Print the identity, encrypted to the members.")
    var wrapped = false

    @OptionGroup var environment: EnvironmentOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let keyring = try checkout.keyring(try environment.name(in: checkout))
        try trust.verify(keyring, of: checkout, sealing: epoch == nil && !wrapped)
        let number = epoch ?? keyring.sealingKey.epoch
        guard let found = keyring.body.epochs.first(where: { $0.number == number }) else {
            throw Failure(.usage, "\(keyring.environment): no epoch \(number)")
        }
        guard wrapped else { return Console.print(found.recipient.text) }
        try Console.write(Armor.encode(found.wrappedIdentity))
    }
}
