internal import ArgumentParser
internal import Keyrings
internal import SSH

/// `strongroom keys restart`: a new root, for the day when too few admins are left.
struct KeysRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Begin a keyring anew where too few admins are left to sign.",
        discussion: """
            Members, epochs and what is sealed stay; the root is another, and everybody has to trust it with \
            strongroom keys trust or in the settings. Admins are those that --admin names, else the caller.
            """)

    @OptionGroup var admins: AdminOptions
    @OptionGroup var options: KeyringOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let lock = try TreeLock(checkout.root, .exclusive)
        let keyring = try checkout.keyring(try options.environment.name(in: checkout))
        try options.trust.verify(keyring, of: checkout, sealing: true)
        let named = try admins.admin.map(AdminSigner.publicKey)
        let work = try KeyringWork(
            checkout, keyring, options, needsIdentity: true, admins: named.isEmpty ? nil : named,
            lock: lock)
        let proposal = try KeyringProposal(
            restarting: keyring, opened: try work.opened(),
            admins: named.isEmpty ? [work.signerKey] : named, threshold: admins.threshold ?? 1)
        guard try await work.publish(proposal) != nil else { return }
        Console.note("strongroom: everybody has to trust the new root: strongroom keys trust")
    }
}
