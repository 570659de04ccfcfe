internal import ArgumentParser
internal import Keyrings
internal import Trust

/// `strongroom keys rebase`: one branch's keyring changes, done again after another branch's.
struct KeysRebaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebase", abstract: "Redo this branch's keyring changes after another branch's.",
        discussion: """
            Two branches that both changed a keyring can't be merged: one of the two has to follow the other. Takes \
            the keyring of HEAD and of REVISION and writes one that holds both changes. Epochs that this branch \
            made get new numbers: their tokens have to be sealed anew with strongroom reseal.
            """)

    @Option(help: ArgumentHelp("The branch or commit whose keyring stays as it is.", valueName: "revision"))
    var onto: String

    @OptionGroup var options: KeyringOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let name = try options.environment.name(in: checkout)
        let git = GitProgram(directory: checkout.root)
        let base = try await git.run(["merge-base", "--end-of-options", "HEAD", onto])
        guard base.status == 0 else {
            throw Failure(.usage, "\(onto): no commit that has something in common with HEAD")
        }
        let losing = try await keyring(name, at: "HEAD", checkout, git)
        let winning = try await keyring(name, at: onto, checkout, git)
        let start = try await keyring(name, at: base.text, checkout, git)
        // The winning side's admins sign; that they may, the common generation says, which is pinned.
        let identities = try options.identities.load()
        let set = try checkout.keyrings()
        let opened = try (
            losing: KeyringSet(losing) { set[$0] }.open(name, with: identities),
            winning: KeyringSet(winning) { set[$0] }.open(name, with: identities)
        )
        try options.trust.verify(losing, of: checkout, sealing: false)
        let rebase = try KeyringRebase(losing, from: start, onto: winning, opened: opened)
        let difference = KeyringDifference(
            from: (winning.body, winning.chain.newest),
            to: (rebase.proposal.body, rebase.proposal.pending.header))
        for line in difference.lines { Console.print(line) }
        let renumbered = rebase.renumbered.filter { $0.from != $0.to }
        for epoch in renumbered { Console.print("epoch \(epoch.from) of HEAD is now \(epoch.to)") }
        let work = try KeyringWork(
            checkout, winning, options, needsIdentity: true, admins: winning.chain.newest.admins)
        try await work.publish(rebase.proposal)
        guard !renumbered.isEmpty else { return }
        Console.note(
            "strongroom: next: tokens that HEAD sealed to renumbered epochs have to be sealed anew (strongroom reseal)"
        )
    }

    private func keyring(
        _ name: String, at revision: String, _ checkout: Checkout, _ git: GitProgram
    ) async throws -> Keyring {
        let object = "\(revision):\(checkout.keyringPath(name))"
        guard let text = try await git.objects([Array(object.utf8)])[0] else {
            throw Failure(.usage, "\(object): there is no such keyring")
        }
        return try Failure.about(object) { try Keyring(parsing: text, environment: name) }
    }
}
