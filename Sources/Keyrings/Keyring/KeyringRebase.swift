internal import SSH
internal import Trust

/// One of two branches' changes of a keyring, done again after the other's (FORMATS: keyring, 1.3).
///
/// Both begin at one generation. What the losing side changed is found by comparing with that generation, and is
/// applied to the winning side's newest one. Keys of epochs that the losing side made get new numbers: what was
/// sealed to them is opened with the losing keyring and sealed again.
package struct KeyringRebase: Sendable {
    /// A number that an epoch of the losing side had, and the one that its key has now.
    package struct Renumbering: Hashable, Sendable {
        /// The number on the losing side, which tokens there carry.
        package let from: UInt64
        /// The number in the proposal.
        package let to: UInt64
    }

    /// The generation after the winning side's newest.
    package let proposal: KeyringProposal
    /// The epochs of the losing side, ascending.
    package let renumbered: [Renumbering]

    /// Redoes on `winning` what `losing` changed since `base`; `opened` are the identities of both sides.
    ///
    /// Throws `conflict` where `base` is not the newest generation that both have in common, where one of them has
    /// nothing of its own, or where both changed one member or the threshold in different ways; `notAMember` where
    /// an identity is not among what was opened; and as `KeyringProposal`.
    package init(
        _ losing: Keyring, from base: Keyring, onto winning: Keyring,
        opened: (losing: OpenedKeyring, winning: OpenedKeyring)
    ) throws(KeyringError) {
        try KeyringRebase.checkCommon(losing, base, winning)
        let start = (body: base.body, header: base.chain.newest)
        let mine = KeyringDifference(from: start, to: (losing.body, losing.chain.newest))
        let theirs = KeyringDifference(from: start, to: (winning.body, winning.chain.newest))

        var next = winning.body.newestEpoch
        renumbered = mine.newEpochs.map { number in
            next += 1
            return Renumbering(from: number, to: next)
        }
        let members = try KeyringRebase.members(winning, mine, theirs, renumbered)
        let epochs = try KeyringRebase.epochs(losing, winning, renumbered, members, opened)
        var body = try KeyringBody(members: members, epochs: epochs)
        // Somebody whom the one side removed may know the key that the other side made: nothing is sealed to it.
        let listed = Set(members.map(\.recipient.wire))
        let newest = renumbered.isEmpty ? winning.body : losing.body
        let knowers = newest.readers(of: newest.newestEpoch).map(\.recipient.wire)
        if !listed.isSuperset(of: knowers) { body = try body.rotating() }

        let admins = Set(winning.chain.newest.admins).subtracting(mine.removedAdmins).union(mine.addedAdmins)
        if let threshold = theirs.threshold, let wanted = mine.threshold, threshold != wanted {
            throw KeyringError(.conflict, "both sides changed the threshold")
        }
        proposal = try KeyringProposal(
            after: winning, body: body, admins: Array(admins),
            threshold: mine.threshold ?? winning.chain.newest.threshold)
    }

    /// The renumbering that `result` carries out already; nil where it is no successor of `winning` that holds all that
    /// `losing` changed since `base`. A rebase that was stopped goes on from there: another one would make other keys.
    package static func renumbering(
        of losing: Keyring, from base: Keyring, onto winning: Keyring, in result: Keyring
    ) -> [Renumbering]? {
        let (newer, older) = (result.chain.headers, winning.chain.headers)
        guard newer.count > older.count, newer.starts(with: older) else { return nil }
        let start = (body: base.body, header: base.chain.newest)
        let mine = KeyringDifference(from: start, to: (losing.body, losing.chain.newest))
        let members = Dictionary(result.body.members.map { ($0.name, $0) }) { first, _ in first }
        let isApplied =
            mine.added.allSatisfy { members[$0.name]?.recipient == $0.recipient }
            && mine.removed.allSatisfy { members[$0.name] == nil }
            && mine.changed.allSatisfy {
                members[$0.name]?.recipient == $0.recipient && members[$0.name]?.roles == $0.roles
            }
            && mine.addedAdmins.allSatisfy(result.chain.newest.admins.contains)
            && !mine.removedAdmins.contains(where: result.chain.newest.admins.contains)
        guard isApplied else { return nil }
        var renumbered: [Renumbering] = []
        for epoch in losing.body.epochs where mine.newEpochs.contains(epoch.number) {
            guard let now = result.body.epochs.first(where: { $0.recipient == epoch.recipient }) else {
                return nil
            }
            renumbered.append(Renumbering(from: epoch.number, to: now.number))
        }
        return renumbered
    }

    private static func checkCommon(
        _ losing: Keyring, _ base: Keyring, _ winning: Keyring
    ) throws(KeyringError) {
        let (mine, theirs) = (losing.chain.headers, winning.chain.headers)
        let common = zip(mine, theirs).prefix { $0 == $1 }.count
        guard losing.environment == winning.environment, common > 0,
            base.chain.headers == Array(mine[..<common])
        else {
            throw KeyringError(
                .conflict, "the two keyrings don't part from the generation that was given")
        }
        guard common < mine.count, common < theirs.count else {
            throw KeyringError(
                .conflict, "one of the two keyrings is only an older one: there is nothing to redo")
        }
    }

    /// The winning side's members with what the losing side changed.
    private static func members(
        _ winning: Keyring, _ mine: KeyringDifference, _ theirs: KeyringDifference,
        _ renumbered: [Renumbering]
    ) throws(KeyringError) -> [Member] {
        /// The member as it reads the epochs under their new numbers.
        func moved(_ member: Member) throws(KeyringError) -> Member {
            guard let new = renumbered.first(where: { $0.from == member.firstEpoch }) else { return member }
            return try member.with(firstEpoch: new.to)
        }
        var members = winning.body.members.filter { member in
            !mine.removed.contains { $0.name == member.name }
        }
        for member in mine.removed where theirs.changed.contains(where: { $0.name == member.name }) {
            throw KeyringError(.conflict, "member \(member.name): removed by one side, changed by the other")
        }
        for member in mine.changed {
            let wanted = try moved(member)
            guard let index = members.firstIndex(where: { $0.name == member.name }) else {
                throw KeyringError(
                    .conflict, "member \(member.name): removed by one side, changed by the other")
            }
            guard !theirs.changed.contains(where: { $0.name == member.name }) || members[index] == wanted
            else { throw KeyringError(.conflict, "member \(member.name): changed by both sides") }
            members[index] = wanted
        }
        for member in mine.added {
            let wanted = try moved(member)
            if let other = members.first(where: { $0.name == member.name }) {
                guard other.recipient == wanted.recipient, other.roles == wanted.roles else {
                    throw KeyringError(.conflict, "member \(member.name): added by both sides")
                }
            } else {
                members.append(wanted)
            }
        }
        return members
    }

    /// The winning side's epochs and then the losing side's, all wrapped to `members`.
    private static func epochs(
        _ losing: Keyring, _ winning: Keyring, _ renumbered: [Renumbering], _ members: [Member],
        _ opened: (losing: OpenedKeyring, winning: OpenedKeyring)
    ) throws(KeyringError) -> [KeyEpoch] {
        guard !members.isEmpty else {
            throw KeyringError(.lastMember, "nobody would be left who can open")
        }
        var epochs: [KeyEpoch] = []
        for epoch in winning.body.epochs {
            let isNewest = renumbered.isEmpty && epoch.state == .open
            epochs.append(
                try epoch.with(state: isNewest ? .open : .closed)
                    .rewrapped(for: members, opened: opened.winning))
        }
        for new in renumbered {
            guard let epoch = losing.body.epochs.first(where: { $0.number == new.from }),
                let identity = opened.losing[epoch: new.from], identity.recipient == epoch.recipient
            else {
                throw KeyringError(.notAMember, "epoch \(new.from): not among what was opened")
            }
            let readers = members.filter { $0.firstEpoch <= new.to }
            epochs.append(
                KeyEpoch(
                    number: new.to, recipient: epoch.recipient,
                    state: new == renumbered.last ? .open : .closed,
                    wrappedIdentity: try WrappedIdentity.wrap(identity, to: readers)))
        }
        return epochs
    }
}
