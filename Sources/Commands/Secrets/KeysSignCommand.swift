internal import ArgumentParser
internal import Keyrings
internal import SSH
internal import Trust

/// `strongroom keys sign`: one more signature on a proposal.
struct KeysSignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Sign a proposed change of a keyring as one of its admins.",
        discussion: """
            Prints what the proposal changes. Where the caller can open the new keyring, its wrapped identities are \
            checked against the list of members first. The last signature puts it in force; where it makes a new epoch \
            and the caller is a member, what the tree holds is sealed anew to it.
            """)

    @Flag(help: "Print what would be signed, and do not sign.")
    var dryRun = false

    @OptionGroup var resealing: ResealOptions
    @OptionGroup var options: KeyringOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let name = try options.environment.name(in: checkout)
        let lock = try dryRun ? nil : TreeLock(checkout.root, .exclusive)
        guard let proposal = try checkout.proposal(name) else {
            throw Failure(.usage, "\(checkout.proposalPath(name)): there is no proposal")
        }
        let keyring = try checkout.keyring(name)
        try options.trust.verify(keyring, of: checkout, sealing: true)
        let isRestart = proposal.base == nil
        guard isRestart || proposal.base?.newest.fingerprint == keyring.chain.newest.fingerprint else {
            throw Failure(
                .locked, "\(checkout.proposalPath(name)): follows another generation than the newest",
                hints: ["somebody changed the keyring since: propose it again"])
        }
        let difference = KeyringDifference(
            from: (keyring.body, keyring.chain.newest), to: (proposal.body, proposal.pending.header))
        if isRestart { Console.print("a new root, which everybody has to trust anew") }
        for line in difference.lines { Console.print(line) }
        guard !dryRun else { return }
        let work = try KeyringWork(
            checkout, keyring, options, needsIdentity: false, admins: proposal.authority.admins,
            lock: lock)
        try verify(proposal, checkout, work.identities)
        guard let renewed = try await work.publish(proposal) else { return }
        // Whoever signs need not be a member: then resealing is left to one.
        try resealing.finish(work, renewed, isRequired: false)
    }

    /// Opens what is proposed where one of `identities` can: a recipient who is not on the list is found only so.
    private func verify(
        _ proposal: KeyringProposal, _ checkout: Checkout, _ identities: [MemberIdentity]
    ) throws {
        let set = try checkout.keyrings()
        do throws(KeyringError) {
            _ = try set.open(proposal, with: identities)
        } catch {
            guard error.code == .notAMember else { throw error }
            Console.note(
                "strongroom: none of the identities here opens the proposal: that its keys are wrapped to the "
                    + "listed members alone is not checked")
        }
    }
}
