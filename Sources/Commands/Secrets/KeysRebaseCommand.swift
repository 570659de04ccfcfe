internal import ArgumentParser
internal import Keyrings
internal import Trust

/// `strongroom keys rebase`: one branch's keyring changes, done again after another branch's.
struct KeysRebaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebase", abstract: "Redo this branch's keyring changes after another branch's.",
        discussion: """
            Two branches that both changed a keyring can't be merged: one of the two has to follow the other. Takes \
            the keyring of HEAD and of REVISION and writes one that holds both changes; during a merge REVISION is \
            MERGE_HEAD. Epochs that this branch made get new numbers: what the tree holds that was sealed to them is \
            sealed anew at once, for later nobody could open it. A run that was stopped is finished by the same \
            command; once its keyring is committed, with --from naming the commit before.
            """)

    @Option(help: ArgumentHelp("The branch or commit whose keyring stays as it is.", valueName: "revision"))
    var onto: String

    @Option(help: ArgumentHelp("The commit whose keyring follows the other one.", valueName: "revision"))
    var from = "HEAD"

    @OptionGroup var options: KeyringOptions

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let name = try options.environment.name(in: checkout)
        let lock = try TreeLock(checkout.root, .exclusive)
        let git = GitProgram(directory: checkout.root)
        let base = try await git.run(["merge-base", "--end-of-options", from, onto])
        guard base.status == 0 else {
            throw Failure(.usage, "\(onto): no commit that has something in common with \(from)")
        }
        let losing = try await keyring(name, at: from, checkout, git)
        let winning = try await keyring(name, at: onto, checkout, git)
        let start = try await keyring(name, at: base.text, checkout, git)
        let identities = try options.identities.load()
        let set = try checkout.keyrings()
        let opened = try KeyringSet(losing) { set[$0] }.open(name, with: identities)
        let work = try KeyringWork(
            checkout, winning, options, needsIdentity: true, admins: winning.chain.newest.admins,
            lock: lock)
        var renewed = [name]
        let renumbered: [KeyringRebase.Renumbering]
        if let current = set[name],
            let known = KeyringRebase.renumbering(of: losing, from: start, onto: winning, in: current)
        {
            do {
                try options.trust.verify(current, of: checkout, sealing: true)
            } catch let error as Failure where error.code == .refused {
                // The run before this one was stopped before it pinned what it wrote: then this side is pinned still.
                try options.trust.verify(losing, of: checkout, sealing: false)
                try work.pin(current)
            }
            renumbered = known
            Console.note("strongroom: \(checkout.keyringPath(name)): rebased before; going on from there")
            renewed += try await work.catchUp()
        } else {
            // The winning side's admins sign; that they may, the common generation says, which is pinned.
            try options.trust.verify(losing, of: checkout, sealing: false)
            let rebase = try KeyringRebase(
                losing, from: start, onto: winning,
                opened: (opened, try KeyringSet(winning) { set[$0] }.open(name, with: identities)))
            let difference = KeyringDifference(
                from: (winning.body, winning.chain.newest),
                to: (rebase.proposal.body, rebase.proposal.pending.header))
            for line in difference.lines { Console.print(line) }
            renumbered = rebase.renumbered
            guard let environments = try await work.publish(rebase.proposal) else {
                return Console.note(
                    "strongroom: then: the same command again, which seals anew what this branch sealed")
            }
            renewed += environments
        }
        let moved = renumbered.filter { $0.from != $0.to }
        for epoch in moved { Console.print("epoch \(epoch.from) of \(from) is now \(epoch.to)") }
        // Without the numbers of then nobody opens what was sealed to them: there is no leaving it for later.
        let resealing = try work.reseal(
            Array(Set(renewed)).sorted(), former: [name: opened.keeping(Set(moved.map(\.from)))]
        ) { Console.print(TreeResealing.line($0)) }
        resealing.report()
        try resealing.finish()
        Console.note("strongroom: next: commit the keyring with what was resealed")
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
