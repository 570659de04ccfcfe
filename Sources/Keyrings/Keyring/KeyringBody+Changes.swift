/// Which epochs a new member can read.
package enum EpochChoice: String, Sendable, CaseIterable {
    /// The open one, and those that come.
    case current
    /// All, the closed ones among them.
    case all
}

extension KeyringBody {
    /// The body of a new keyring: one open epoch with a new random key pair, wrapped to `members`.
    ///
    /// Throws `badMember` as `init(members:epochs:)`, before anything is wrapped.
    package init(newFor members: [Member]) throws(KeyringError) {
        guard !members.isEmpty else { throw KeyringError(.badMember, "a keyring needs a member") }
        try self.init(members: members, epochs: [try KeyEpoch(new: 1, for: members)])
    }

    /// The body for `members` with the epochs of `before`, wrapped anew to those who may read them, under fresh
    /// file keys.
    ///
    /// Throws `badMember` as `init(members:epochs:)`, `notAMember` where `opened` lacks an epoch.
    package init(
        rewrapping before: KeyringBody, opened: OpenedKeyring, for members: [Member]
    ) throws(KeyringError) {
        let epochs = try before.epochs.map { (epoch) throws(KeyringError) in
            try epoch.rewrapped(for: members, opened: opened)
        }
        try self.init(members: members, epochs: epochs)
    }

    /// The newest epoch's number.
    package var newestEpoch: UInt64 { epochs.last?.number ?? 0 }

    /// The open epoch's key, as the one of `environment`.
    package func sealingKey(of environment: String) -> EnvironmentPublicKey {
        guard let epoch = epochs.last else { preconditionFailure("a body has epochs") }
        return EnvironmentPublicKey(
            environment: environment, epoch: epoch.number, recipient: epoch.recipient)
    }

    /// The member of that name. Throws `noSuchMember`.
    package func member(_ name: String) throws(KeyringError) -> Member {
        guard let member = members.first(where: { $0.name == name }) else {
            throw KeyringError(.noSuchMember, "there is no member of that name")
        }
        return member
    }

    /// The numbers of the epochs that `member` can open.
    package func epochs(readableBy member: Member) -> [UInt64] {
        epochs.map(\.number).filter { $0 >= member.firstEpoch }
    }

    /// The body with `newcomers` after the members there are, who read the epochs of `choice`.
    ///
    /// Epochs that stay as they were keep their bytes. Throws `badMember` where a name or recipient is in the list
    /// already, `notAMember` where `opened` lacks an epoch that is to be wrapped to them.
    package func adding(
        _ newcomers: [Member], epochs choice: EpochChoice, opened: OpenedKeyring
    ) throws(KeyringError) -> KeyringBody {
        guard !newcomers.isEmpty else { throw KeyringError(.noChange, "nobody to add") }
        let first = choice == .all ? 1 : newestEpoch
        return try changing(
            members: members
                + newcomers.map { (member) throws(KeyringError) in try member.with(firstEpoch: first) },
            opened: opened)
    }

    /// The body without the members `names`: all that they could read is wrapped anew to the others, and a new
    /// epoch is there to be sealed to.
    ///
    /// What they could open before, they can open as long as Git history lasts: `epochs(readableBy:)` names it.
    /// Throws `noSuchMember`, `lastMember` where an epoch would be left without a reader, `notAMember` where
    /// `opened` lacks an epoch.
    package func removing(_ names: [String], opened: OpenedKeyring) throws(KeyringError) -> KeyringBody {
        guard !names.isEmpty else { throw KeyringError(.noChange, "nobody to remove") }
        for name in names { _ = try member(name) }
        let rest = members.filter { !names.contains($0.name) }
        guard !rest.isEmpty else {
            throw KeyringError(.lastMember, "nobody would be left who can open")
        }
        for epoch in epochs {
            guard rest.contains(where: { $0.firstEpoch <= epoch.number }) else {
                throw KeyringError(
                    .lastMember, "epoch \(epoch.number): nobody would be left who can open it")
            }
        }
        return try changing(members: rest, opened: opened).rotating()
    }

    /// The body with a new epoch. The others' identities stay wrapped as they are: no identity is needed for it.
    ///
    /// Throws `malformed` where there are too many epochs.
    package func rotating() throws(KeyringError) -> KeyringBody {
        let (number, overflow) = newestEpoch.addingReportingOverflow(1)
        guard !overflow, number <= KeyEpoch.numberLimit else {
            throw KeyringError(.malformed, "no epoch follows")
        }
        return try KeyringBody(
            members: members,
            epochs: epochs.map { $0.with(state: .closed) } + [try KeyEpoch(new: number, for: members)])
    }

    /// The body in which the member `name` has exactly `roles`. Throws `noSuchMember`, `noChange`.
    package func settingRoles(_ roles: Set<Member.Role>, of name: String) throws(KeyringError) -> KeyringBody
    {
        let before = try member(name)
        guard Set(before.roles) != roles else {
            throw KeyringError(.noChange, "member \(name): has these roles already")
        }
        let after = try before.with(roles: roles)
        return try KeyringBody(members: members.map { $0.name == name ? after : $0 }, epochs: epochs)
    }

    /// The body in which the member that is the environment of `key` has that newer key of it. What is sealed from
    /// now on needs a new epoch besides: who lost the other environment must not open it.
    ///
    /// Throws `noSuchMember` where the environment is no member, `notAMember` where `opened` lacks an epoch.
    package func replacing(
        _ key: EnvironmentPublicKey, opened: OpenedKeyring
    ) throws(KeyringError) -> KeyringBody {
        guard members.contains(where: { $0.recipient.environment == key.environment }) else {
            throw KeyringError(.noSuchMember, "environment \(key.environment): is no member")
        }
        let changed = try members.map { (member) throws(KeyringError) in
            member.recipient.environment == key.environment
                ? try member.with(recipient: .environment(key)) : member
        }
        return try changing(members: changed, opened: opened)
    }

    /// The body for `changed` members; epochs whose readers change are wrapped anew, the others keep their bytes.
    private func changing(members changed: [Member], opened: OpenedKeyring) throws(KeyringError)
        -> KeyringBody
    {
        let epochs = try epochs.map { (epoch) throws(KeyringError) in
            let before = readers(of: epoch.number).map(\.recipient.wire)
            let after = changed.filter { $0.firstEpoch <= epoch.number }.map(\.recipient.wire)
            return before == after ? epoch : try epoch.rewrapped(for: changed, opened: opened)
        }
        return try KeyringBody(members: changed, epochs: epochs)
    }
}

extension KeyEpoch {
    /// The open epoch `number` with a new random key pair, wrapped to all of `members`.
    init(new number: UInt64, for members: [Member]) throws(KeyringError) {
        let identity = X25519Identity.generate()
        self.init(
            number: number, recipient: identity.recipient, state: .open,
            wrappedIdentity: try WrappedIdentity.wrap(identity, to: members))
    }

    /// The same epoch, wrapped under a fresh file key to those of `members` who may read it. Throws `notAMember`
    /// where its identity is not among what was `opened`.
    func rewrapped(for members: [Member], opened: OpenedKeyring) throws(KeyringError) -> KeyEpoch {
        guard let identity = opened[epoch: number], identity.recipient == recipient else {
            throw KeyringError(.notAMember, "epoch \(number): not among what was opened")
        }
        return KeyEpoch(
            number: number, recipient: recipient, state: state,
            wrappedIdentity: try WrappedIdentity.wrap(
                identity, to: members.filter { $0.firstEpoch <= number }))
    }

    /// The same epoch with what is given changed.
    func with(number: UInt64? = nil, state: State? = nil) -> KeyEpoch {
        KeyEpoch(
            number: number ?? self.number, recipient: recipient, state: state ?? self.state,
            wrappedIdentity: wrappedIdentity)
    }
}
