package import SSH
package import Trust

/// What one generation changes against another: what people read before they sign, and what a rebase redoes.
package struct KeyringDifference: Hashable, Sendable {
    /// Members of a name that wasn't there.
    package let added: [Member]
    /// Members of a name that is there no more.
    package let removed: [Member]
    /// Members whose recipient, roles or first epoch are others, as they are now.
    package let changed: [Member]
    /// The numbers of epochs that were not there.
    package let newEpochs: [UInt64]
    /// Admins that were none.
    package let addedAdmins: [SSHPublicKey]
    /// Admins that are none any more.
    package let removedAdmins: [SSHPublicKey]
    /// The threshold where it is another.
    package let threshold: UInt64?

    /// What `after` changes against `before`, each a body with its header.
    package init(
        from before: (body: KeyringBody, header: GenerationHeader),
        to after: (body: KeyringBody, header: GenerationHeader)
    ) {
        let earlier = Dictionary(before.body.members.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(after.body.members.map(\.name))
        added = after.body.members.filter { earlier[$0.name] == nil }
        removed = before.body.members.filter { !names.contains($0.name) }
        changed = after.body.members.filter { member in
            earlier[member.name].map { $0 != member } ?? false
        }
        let keys = Set(before.body.epochs.map(\.recipient))
        newEpochs = after.body.epochs.filter { !keys.contains($0.recipient) }.map(\.number)
        addedAdmins = after.header.admins.filter { !before.header.admins.contains($0) }
        removedAdmins = before.header.admins.filter { !after.header.admins.contains($0) }
        threshold = before.header.threshold == after.header.threshold ? nil : after.header.threshold
    }

    /// The change in words, a line each; empty where there is none but in how identities are wrapped.
    package var lines: [String] {
        func line(_ word: String, _ member: Member) -> String {
            let roles = member.roles.map(\.name).joined(separator: ", ")
            let note = roles.isEmpty ? "" : " (\(roles))"
            return "\(word) member \(member.name)\(note), epochs from \(member.firstEpoch): "
                + member.recipient.text
        }
        var lines = added.map { line("add", $0) } + removed.map { line("remove", $0) }
        lines += changed.map { line("change", $0) }
        lines += newEpochs.map { "new epoch \($0)" }
        lines += addedAdmins.map { "add admin \($0.text)" } + removedAdmins.map { "remove admin \($0.text)" }
        if let threshold { lines.append("threshold \(threshold)") }
        return lines
    }
}
