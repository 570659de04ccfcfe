extension KeyringSet {
    /// The epochs that `member` of `environment` can open: of that environment, and of those that have it as a member,
    /// be it through others.
    ///
    /// Environments that had it as a member once and have it no more are not among them. Throws `cycle`.
    package func reach(of member: Member, in environment: String) throws(KeyringError) -> [String: Set<
        UInt64
    >] {
        var reach: [String: Set<UInt64>] = [:]
        func add(_ member: Member, to name: String) {
            guard let body = self[name]?.body else { return }
            reach[name, default: []].formUnion(body.epochs(readableBy: member))
        }
        add(member, to: environment)
        for host in try dependents(of: environment) {
            for way in self[host]?.body.members ?? [] {
                guard let through = way.recipient.environment, reach[through] != nil else { continue }
                add(way, to: host)
            }
        }
        return reach
    }

    /// The environments through which the holder of `recipient` opens `environment`, itself where he is a member:
    /// those of which he is a member himself.
    package func ways(of recipient: MemberRecipient, into environment: String) -> [String] {
        reachable(from: environment).filter { name in
            self[name]?.body.members.contains { $0.recipient == recipient } == true
        }.sorted()
    }

    /// The environments that have `environment` as a member with a key that is its newest no more.
    package func stale(of environment: String) -> [String] {
        guard let key = self[environment]?.sealingKey else { return [] }
        return hosts(of: environment).filter { host in
            self[host]?.body.members.contains { $0.recipient == .environment(key) } == false
        }
    }
}
