internal import ArgumentParser
internal import Git
internal import Keyrings
internal import SSH
internal import Sealing
internal import Trust

/// `strongroom keys remove`: members who open nothing new, what they could read, and a tree sealed to a new epoch.
struct KeysRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove members from an environment, or admins.",
        discussion: """
            Makes a new epoch, wraps all others anew to those who stay, and seals what the tree holds anew to the new \
            epoch. Then lists what the removed could read: every place of all commits of all refs here, and of the work \
            tree, with the first and the last commit. What Git's history holds stays readable to them: change those \
            secrets at their sources.

            Wrapping anew needs the identity of a member; who is an admin alone asks one, or has himself added. A run \
            that was stopped is finished by the same command, also for a member who is gone already. A member's SSH key \
            that is an admin's goes with him.
            """)

    @Argument(help: "Members by name.")
    var names: [String] = []

    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Flag(help: "Print what is done, and what could be read, as JSON.")
    var json = false

    @OptionGroup var admins: AdminOptions
    @OptionGroup var resealing: ResealOptions
    @OptionGroup var options: KeyringOptions

    func validate() throws {
        guard !names.isEmpty || !admins.admin.isEmpty || admins.threshold != nil else {
            throw ValidationError("nobody to remove: name a member or --admin")
        }
    }

    func run() async throws {
        let work = try KeyringWork.begin(options, needsIdentity: !names.isEmpty, dryRun: dryRun)
        let pending = work.pending()
        let leavers = try Leaver.all(names, of: work.keyring, in: work.checkout)
        let (proposal, leavingAdmins) = try proposal(work, leavers)
        let exposures =
            leavers.isEmpty ? nil : try Exposures(work.checkout, leavers.map { ($0.name, $0.reach) })
        let missing = proposal.map { work.missing($0) } ?? 0
        if !json { try report(work, leavers, leavingAdmins, proposal) }
        var changes: [TreeResealer.Change] = []
        func note(_ change: TreeResealer.Change) {
            changes.append(change)
            if !json { Console.print(TreeResealing.line(change)) }
        }
        var done: TreeResealing?
        var isInForce = true
        if let pending {
            // What could be read is asked for again while others sign.
            try show(work.keyring.environment, leavers, exposures, [])
            guard dryRun else { throw pending }
            Console.note("strongroom: \(pending.message): without it, this would begin")
            return Console.note("strongroom: dry run: nothing was changed")
        }
        if dryRun {
            if missing == 0 { done = try plan(work, leavers, proposal, note) }
        } else {
            var renewed: [String] = []
            if let proposal {
                if let environments = try await work.publish(proposal) {
                    renewed = environments
                } else {
                    isInForce = false
                }
            }
            if isInForce, !leavers.isEmpty {
                // What a run before this one left undone is done now.
                renewed += try await work.catchUp()
                let all = Set(renewed + [work.keyring.environment] + leavers.flatMap { $0.reach.keys })
                if resealing.reseal { done = try work.reseal(all.sorted(), onChange: note) }
            }
        }
        try show(work.keyring.environment, leavers, exposures, changes)
        done?.report()
        if dryRun, missing > 0 {
            Console.note(
                "strongroom: \(work.checkout.proposalPath(work.keyring.environment)): only a proposal would be written: "
                    + "\(missing) more of \(proposal?.authority.admins.count ?? 0) admins would have to sign; nothing is resealed before"
            )
        }
        if dryRun { Console.note("strongroom: dry run: nothing was changed") }
        if !dryRun, isInForce { try done?.finish() }
        if let exposures, !exposures.isComplete {
            throw Failure(
                .partial, "what the removed could read is not all known: the list is incomplete",
                hints: [
                    dryRun || !isInForce
                        ? "the warnings say what is missing; a whole clone has all commits"
                        : "the removal is done; the warnings say what is missing: the same command in a whole clone lists it"
                ])
        }
        guard !dryRun, isInForce, !leavers.isEmpty else { return }
        Console.note(
            resealing.reseal
                ? "strongroom: next: commit the keyring with what was resealed"
                : "strongroom: next: strongroom reseal, then commit the keyring with what it changed")
    }

    /// The change, not signed yet, and the admins that go with it. Nil where everybody is gone already.
    private func proposal(
        _ work: borrowing KeyringWork, _ leavers: [Leaver]
    ) throws -> (KeyringProposal?, [SSHPublicKey]) {
        let keyring = work.keyring
        let present = leavers.filter(\.isPresent)
        var body = keyring.body
        var leaving = try admins.admin.map(AdminSigner.publicKey)
        if !present.isEmpty {
            body = try body.removing(present.map(\.name), opened: try opened(work))
            for leaver in present {
                guard case .sshEd25519(let recipient) = leaver.member.recipient,
                    keyring.chain.newest.admins.contains(recipient.key), !leaving.contains(recipient.key)
                else { continue }
                leaving.append(recipient.key)
            }
        }
        guard !present.isEmpty || !leaving.isEmpty || admins.threshold != nil else { return (nil, []) }
        return (
            try KeyringProposal(
                after: keyring, body: body, admins: try keyring.admins(removing: leaving),
                threshold: admins.threshold), leaving
        )
    }

    private func opened(_ work: borrowing KeyringWork) throws -> OpenedKeyring {
        do {
            return try work.opened()
        } catch let error as Failure where error.code == .cannotDecrypt {
            throw Failure(
                error.code, error.message,
                hints: [
                    "removing wraps older epochs anew, which only a member can: have one run it, or add your identity first"
                ])
        }
    }

    /// What would be resealed, were the change in force.
    private func plan(
        _ work: borrowing KeyringWork, _ leavers: [Leaver], _ proposal: KeyringProposal?,
        _ onChange: (TreeResealer.Change) -> Void
    ) throws -> TreeResealing? {
        guard resealing.reseal, !leavers.isEmpty else { return nil }
        let checkout = work.checkout
        var bodies = [work.keyring.environment: work.keyring.body]
        if let proposal, proposal.body.newestEpoch != work.keyring.body.newestEpoch {
            bodies[work.keyring.environment] = proposal.body
            for (name, body) in try work.following(proposal.body.sealingKey(of: work.keyring.environment)) {
                bodies[name] = body
            }
        }
        let identities = work.identities
        let planned = bodies
        let resealer = TreeResealer(checkout, dryRun: true) { environment in
            guard let body = planned[environment] else { return nil }
            let opened = try checkout.openThrough(try checkout.keyring(environment), with: identities)
            return TreeResealer.Keys(
                opened: opened, epochs: body.epochs.map(\.number), newest: body.sealingKey(of: environment))
        }
        return try TreeResealing(checkout, with: resealer, dryRun: true, onChange: onChange)
    }

    /// Says on standard output what changes and what the removed could read.
    private func report(
        _ work: borrowing KeyringWork, _ leavers: [Leaver], _ leaving: [SSHPublicKey],
        _ proposal: KeyringProposal?
    ) throws {
        for leaver in leavers {
            let gone = leaver.isPresent ? "" : " (removed before)"
            Console.print("\(leaver.name)\(gone): could read \(leaver.words)")
        }
        for key in leaving { Console.print("admin \(key.fingerprint): signs no more") }
        guard !leavers.isEmpty else { return }
        // Whose a key is that derives from an age identity, only people know.
        for admin in proposal?.pending.header.admins ?? [] {
            Console.print("admin \(admin.fingerprint): still signs; --admin removes one")
        }
        let environment = work.keyring.environment
        if let body = proposal?.body, body.newestEpoch != work.keyring.body.newestEpoch {
            Console.print("\(environment): epoch \(body.newestEpoch) is new")
        }
        let set = try work.checkout.keyrings()
        let body = proposal?.body ?? work.keyring.body
        for member in body.members where member.recipient.environment != nil {
            Console.print("\(member.name): members of this environment still open \(environment)")
        }
        for leaver in leavers {
            for way in set.ways(of: leaver.member.recipient, into: environment) where way != environment {
                Console.note(
                    "strongroom: warning: \(leaver.name) still opens \(environment) as a member of \(way): strongroom keys remove --environment \(way)"
                )
            }
        }
    }

    /// Shows what could be read.
    private func show(
        _ environment: String, _ leavers: [Leaver], _ exposures: Exposures?, _ changes: [TreeResealer.Change]
    ) throws {
        if json {
            return try Console.json(RemovalDocument(environment, leavers, exposures, changes))
        }
        guard let exposures else { return }
        for warning in exposures.warnings { Console.note("strongroom: warning: \(warning)") }
        guard !exposures.places.isEmpty else {
            return Console.note(
                exposures.isComplete
                    ? "strongroom: nothing was found that the removed could read"
                    : "strongroom: nothing that the removed could read was found in the part that could be looked through"
            )
        }
        let count = exposures.places.count
        Console.note(
            "strongroom: \(count == 1 ? "1 secret" : "\(count) secrets") could be read, and history holds what stood there: change each at its source"
        )
        for line in exposures.lines { Console.print(line) }
    }
}

/// A member who leaves, or who left before.
struct Leaver {
    /// The name.
    let name: String
    /// The member as he was.
    let member: Member
    /// Whether the keyring still has him.
    let isPresent: Bool
    /// The epochs that he could open, by environment.
    let reach: [String: Set<UInt64>]

    /// The members `names` of `keyring`; those it has no more as Git history knows them. Throws `usage` for a name
    /// that nobody had.
    static func all(_ names: [String], of keyring: Keyring, in checkout: Checkout) throws -> [Leaver] {
        let set = try checkout.keyrings()
        var leavers: [Leaver] = []
        for name in names where !leavers.contains(where: { $0.name == name }) {
            if let member = keyring.body.members.first(where: { $0.name == name }) {
                var reach = try set.reach(of: member, in: keyring.environment)
                for former in FormerMember.all(name, member.recipient, of: keyring, in: checkout) {
                    try former.add(to: &reach, keyring.environment)
                }
                leavers.append(Leaver(name: name, member: member, isPresent: true, reach: reach))
                continue
            }
            let all = FormerMember.all(name, nil, of: keyring, in: checkout)
            guard let former = all.first(where: \.isOfThisChain) else {
                throw Failure(
                    .usage, "\(checkout.keyringPath(keyring.environment)): there is no member \(name)",
                    hints: [
                        "strongroom keys list names the members; strongroom reseal finishes a removal that was stopped before its keyring was committed"
                    ])
            }
            var reach: [String: Set<UInt64>] = [:]
            for former in all { try former.add(to: &reach, keyring.environment) }
            leavers.append(Leaver(name: name, member: former.member, isPresent: false, reach: reach))
        }
        return leavers
    }

    /// The reach in words: `epochs 1, 2 of prod; epochs 1 of shop`.
    var words: String {
        reach.keys.sorted().map { environment in
            let epochs = (reach[environment] ?? []).sorted().map(String.init).joined(separator: ", ")
            return "epochs \(epochs) of \(environment)"
        }.joined(separator: "; ")
    }
}

/// A removal as `--json` shows it.
private struct RemovalDocument: Encodable {
    struct LeaverDocument: Encodable {
        let name: String
        let recipient: String
        let epochs: [String: [UInt64]]
    }

    struct HistoryDocument: Encodable {
        let commits: Int
        let cutOff: Bool
    }

    let environment: String
    let removed: [LeaverDocument]
    let resealed: [ResealedDocument]
    let readable: [ExposureDocument]
    let warnings: [String]
    let history: HistoryDocument?

    init(
        _ environment: String, _ leavers: [Leaver], _ exposures: Exposures?, _ changes: [TreeResealer.Change]
    ) {
        self.environment = environment
        removed = leavers.map { leaver in
            LeaverDocument(
                name: leaver.name, recipient: leaver.member.recipient.text,
                epochs: leaver.reach.mapValues { $0.sorted() })
        }
        resealed = changes.map { ResealedDocument($0) }
        readable = exposures.map { ExposureDocument.all($0) } ?? []
        warnings = exposures?.warnings ?? []
        history = exposures?.history.map {
            HistoryDocument(commits: $0.graph.nodes.count, cutOff: $0.graph.isCut)
        }
    }
}
