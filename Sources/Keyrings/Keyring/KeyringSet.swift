/// Keyrings of one repository: what environments that are members of one another need
/// (FORMATS: keyring, 1.5).
package struct KeyringSet: Sendable {
    private var keyrings: [String: Keyring]

    /// The set of `keyrings`; whoever changes one compares it with its pin before. Of two of one environment the last counts.
    package init(_ keyrings: [Keyring]) {
        self.keyrings = Dictionary(keyrings.map { ($0.environment, $0) }) { _, last in last }
    }

    /// `keyring` with those of the environments that it can be opened through; `load` reads one, nil where it is not
    /// to be had.
    ///
    /// The others need no trust of their own for opening: an identity out of them counts only where its public key
    /// is one that `keyring` names.
    package init<Failure: Error>(
        _ keyring: Keyring, loading load: (String) throws(Failure) -> Keyring?
    ) throws(Failure) {
        self.init([keyring])
        var names = Array(memberEnvironments(of: keyring.environment))
        while let name = names.popLast() {
            guard keyrings[name] == nil, let other = try load(name) else { continue }
            keyrings[name] = other
            names += memberEnvironments(of: name)
        }
    }

    /// The keyring of `environment`, where it is here.
    package subscript(environment: String) -> Keyring? { keyrings[environment] }

    /// The environments that are members of `environment`.
    package func memberEnvironments(of environment: String) -> Set<String> {
        Set(keyrings[environment]?.body.members.compactMap(\.recipient.environment) ?? [])
    }

    /// Throws `cycle` where `environment`, as a member of `host`, could be opened through itself.
    package func check(_ environment: String, asMemberOf host: String) throws(KeyringError) {
        guard environment != host, !reachable(from: environment).contains(host) else {
            throw KeyringError(
                .cycle, "\(environment) as a member of \(host) would be a member of itself")
        }
    }

    /// The identities of all epochs of `environment` that one of `identities` may read, be it as a member or
    /// through an environment that is one.
    ///
    /// Throws `notAMember`, `forged` as `Keyring.open(with:)`; `cycle` where the keyrings were signed so that an
    /// environment is a member of itself.
    package func open(
        _ environment: String, with identities: [MemberIdentity]
    ) throws(KeyringError) -> OpenedKeyring {
        try open(environment, with: identities, above: [])
    }

    /// The identities of all proposed epochs that one of `identities` may read, as `open(_:with:)`: whoever signs
    /// looks in first, for nobody else sees who is among the recipients.
    package func open(
        _ proposal: KeyringProposal, with identities: [MemberIdentity]
    ) throws(KeyringError) -> OpenedKeyring {
        let known = try identities + through(proposal.body, with: identities, above: [proposal.environment])
        return try proposal.body.open(with: known, environment: proposal.environment)
    }

    /// The environments that have `environment` as a member, directly or through others: those whose keyrings
    /// must follow when it gets a new epoch, each after those that it depends on.
    package func dependents(of environment: String) throws(KeyringError) -> [String] {
        var ordered: [String] = []
        func visit(_ name: String, above: [String]) throws(KeyringError) {
            guard !above.contains(name) else {
                throw KeyringError(.cycle, "environment \(name): is a member of itself")
            }
            guard !ordered.contains(name) else { return }
            for host in hosts(of: name) {
                try visit(host, above: above + [name])
            }
            ordered.append(name)
        }
        try visit(environment, above: [])
        return ordered.reversed().filter { $0 != environment }
    }

    /// What becomes of the keyrings that depend on an environment with a new epoch.
    package struct Following: Sendable {
        /// The bodies that follow, each with a new epoch, in the order of `dependents(of:)`.
        package fileprivate(set) var bodies: [(environment: String, body: KeyringBody)] = []
        /// The environments whose keyrings none of the identities opens: their own members have to rotate them.
        package fileprivate(set) var closed: [String] = []
    }

    /// The bodies with which the keyrings of all `dependents(of:)` follow the new epoch of `key`: who lost that
    /// environment must not open what is sealed for them from now on.
    ///
    /// Throws `forged`, `cycle` as `open(_:with:)`.
    package func following(
        _ key: EnvironmentPublicKey, with identities: [MemberIdentity]
    ) throws(KeyringError) -> Following {
        var newest = [key.environment: key]
        var result = Following()
        for name in try dependents(of: key.environment) {
            guard var body = keyrings[name]?.body else { continue }
            let opened: OpenedKeyring
            do throws(KeyringError) {
                opened = try open(name, with: identities)
                // Two environments of which it depends make one new epoch, not two.
                for member in memberEnvironments(of: name).sorted() {
                    guard let key = newest[member] else { continue }
                    body = try body.replacing(key, opened: opened)
                }
                body = try body.rotating()
            } catch {
                guard error.code == .notAMember else { throw error }
                result.closed.append(name)
                continue
            }
            result.bodies.append((name, body))
            newest[name] = body.sealingKey(of: name)
        }
        return result
    }

    private func open(
        _ environment: String, with identities: [MemberIdentity], above: [String]
    ) throws(KeyringError) -> OpenedKeyring {
        guard !above.contains(environment) else {
            throw KeyringError(.cycle, "environment \(environment): is a member of itself")
        }
        guard let keyring = keyrings[environment] else {
            throw KeyringError(.notAMember, "keyring \(environment): not among those at hand")
        }
        let own = try keyring.openedIfMember(with: identities)
        if let own, own.epochs.count == keyring.body.epochs.count { return own }
        return try keyring.open(
            with: identities + through(keyring.body, with: identities, above: above + [environment]))
    }

    /// The identities of the environments that are members in `body`, as far as `identities` open them.
    private func through(
        _ body: KeyringBody, with identities: [MemberIdentity], above: [String]
    ) throws(KeyringError) -> [MemberIdentity] {
        var found: [MemberIdentity] = []
        for name in Set(body.members.compactMap(\.recipient.environment)).sorted()
        where keyrings[name] != nil {
            do throws(KeyringError) {
                let opened = try open(name, with: identities, above: above)
                found += opened.epochs.compactMap { opened[epoch: $0] }.map { .x25519($0) }
            } catch {
                // Not a member there either: others may be.
                guard error.code == .notAMember else { throw error }
            }
        }
        return found
    }

    /// The environments that have `environment` as a member themselves, sorted.
    func hosts(of environment: String) -> [String] {
        keyrings.keys.sorted().filter { memberEnvironments(of: $0).contains(environment) }
    }

    /// The environments that `environment` can be opened through, itself among them.
    func reachable(from environment: String) -> Set<String> {
        var found: Set<String> = []
        var open = [environment]
        while let name = open.popLast() {
            guard found.insert(name).inserted else { continue }
            open += memberEnvironments(of: name)
        }
        return found
    }
}

extension Keyring {
    /// As `open(with:)`; nil where none of `identities` belongs to a member.
    fileprivate func openedIfMember(
        with identities: [MemberIdentity]
    ) throws(KeyringError) -> OpenedKeyring? {
        do throws(KeyringError) {
            return try open(with: identities)
        } catch {
            guard error.code == .notAMember else { throw error }
            return nil
        }
    }
}
