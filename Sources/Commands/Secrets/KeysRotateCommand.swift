internal import ArgumentParser
internal import Keyrings

/// `strongroom keys rotate`: a new epoch for the same members.
struct KeysRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Make a new epoch of an environment's key.",
        discussion: """
            New secrets are sealed to the new key, and what the tree holds is sealed anew to it; --no-reseal leaves that \
            to a member's strongroom reseal. The rotation itself needs no identity, resealing does. Keyrings of which \
            the environment is a member follow. Commits that are there keep their ciphertext.
            """)

    @OptionGroup var resealing: ResealOptions
    @OptionGroup var options: KeyringOptions

    func run() async throws {
        let work = try KeyringWork.begin(options, needsIdentity: false)
        try work.checkNothingPends()
        let set = try work.checkout.keyrings()
        var body = work.keyring.body
        // Members that are environments with a newer epoch get their newest key on the way.
        let stale = body.members.compactMap(\.recipient.environment).compactMap { set[$0]?.sealingKey }
            .filter { key in !body.members.contains { $0.recipient == .environment(key) } }
        for key in stale {
            let other = try work.checkout.keyring(key.environment)
            try options.trust.verify(other, of: work.checkout, sealing: true)
            body = try body.replacing(key, opened: try work.opened())
        }
        let proposal = try KeyringProposal(after: work.keyring, body: try body.rotating())
        guard let renewed = try await work.publish(proposal) else { return }
        try resealing.finish(work, renewed)
    }
}
