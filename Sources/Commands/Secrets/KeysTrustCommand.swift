internal import ArgumentParser
internal import Files
internal import Keyrings
internal import Sealing
internal import Trust

/// `strongroom keys trust`: the keyring as it stands here is the right one, whatever was seen before.
struct KeysTrustCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Trust a keyring whose history or root is another than was seen before.",
        discussion: """
            Compare the fingerprint with what an admin has told you, by another way than this repository. With \
            FINGERPRINT nothing else is trusted.
            """)

    @Argument(help: "The fingerprint of the keyring's first or newest generation.")
    var fingerprint: String?

    @OptionGroup var environment: EnvironmentOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let name = try environment.name(in: checkout)
        let keyring = try checkout.keyring(name)
        let newest = keyring.chain.newest.fingerprint
        if let fingerprint {
            let wanted = try Failure.about("FINGERPRINT") { try Fingerprint(text: fingerprint) }
            guard wanted == keyring.root || wanted == newest else {
                throw Failure(
                    .refused,
                    "\(checkout.keyringPath(name)): its root is \(keyring.root), its newest \(newest)")
            }
        }
        let pins = Pins(directory: Path(try Locations.pins()))
        if let error = try pins.trust(keyring.chain, repository: checkout.rules.repository.description) {
            throw Failure(error).at("the pin")
        }
        Console.print(keyring.root.description)
        Console.note(
            "strongroom: \(checkout.keyringPath(name)): trusting this root, generation \(keyring.generation) is \(newest)"
        )
    }
}
