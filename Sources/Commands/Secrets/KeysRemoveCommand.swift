internal import ArgumentParser
internal import Keyrings
internal import SSH
internal import Trust

/// `strongroom keys remove`: members who open nothing new, and a new epoch that they don't know.
struct KeysRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove members from an environment, or admins.",
        discussion: """
            Makes a new epoch and wraps all others anew to those who stay. What a removed member could read, Git's \
            history still holds for him: change those secrets at their sources, and seal the rest anew with \
            strongroom reseal. A member's SSH key that is an admin's goes with him.
            """)

    @Argument(help: "Members by name.")
    var names: [String] = []

    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false

    @OptionGroup var admins: AdminOptions
    @OptionGroup var options: KeyringOptions

    func validate() throws {
        guard !names.isEmpty || !admins.admin.isEmpty || admins.threshold != nil else {
            throw ValidationError("nobody to remove: name a member or --admin")
        }
    }

    func run() async throws {
        let work = try KeyringWork.begin(options, needsIdentity: !names.isEmpty)
        let keyring = work.keyring
        if !dryRun { try work.checkNothingPends() }
        var body = keyring.body
        var leaving = try admins.admin.map(AdminSigner.publicKey)
        if !names.isEmpty {
            body = try body.removing(names, opened: try work.opened())
            for name in names {
                guard case .sshEd25519(let recipient) = try keyring.body.member(name).recipient,
                    keyring.chain.newest.admins.contains(recipient.key), !leaving.contains(recipient.key)
                else { continue }
                leaving.append(recipient.key)
            }
        }
        let proposal = try KeyringProposal(
            after: keyring, body: body, admins: try keyring.admins(removing: leaving),
            threshold: admins.threshold)
        try report(keyring, leaving, proposal)
        guard !dryRun else {
            Console.note("strongroom: dry run: nothing was changed")
            return
        }
        guard try await work.publish(proposal), !names.isEmpty else { return }
        Console.note("strongroom: next: strongroom reseal, then commit the keyring with what it changed")
    }

    /// Says on standard output what changes and what the removed could read.
    private func report(
        _ keyring: Keyring, _ leaving: [SSHPublicKey], _ proposal: KeyringProposal
    ) throws {
        for name in names {
            let member = try keyring.body.member(name)
            let epochs = keyring.body.epochs(readableBy: member).map(String.init).joined(separator: ", ")
            Console.print("\(name): could read epochs \(epochs)")
        }
        for key in leaving { Console.print("admin \(key.fingerprint): signs no more") }
        guard !names.isEmpty else { return }
        let body = proposal.body
        // Whose a key is that derives from an age identity, only people know.
        for admin in proposal.pending.header.admins {
            Console.print("admin \(admin.fingerprint): still signs; --admin removes one")
        }
        Console.print(
            "\(keyring.environment): epoch \(body.newestEpoch) is new; tokens of older ones are to be resealed"
        )
        for member in body.members where member.recipient.environment != nil {
            Console.print("\(member.name): members of this environment still open \(keyring.environment)")
        }
    }
}
