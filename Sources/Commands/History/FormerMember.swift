internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Trust

/// A member as a commit knows him: one who was removed before, or was one under other keys or of other epochs.
struct FormerMember {
    /// The member.
    let member: Member
    /// Whether the keyring of that commit is an earlier generation of today's; else another root came since.
    let isOfThisChain: Bool
    /// All keyrings of that commit.
    private let keyrings: KeyringSet

    /// Every state of the keyrings in the commits of all refs that has the member `name`, or one with `recipient`, in an
    /// earlier generation of `keyring` or under another root; the newest first. None where the history can't be read.
    static func all(
        _ name: String, _ recipient: MemberRecipient?, of keyring: Keyring, in checkout: Checkout
    ) -> [FormerMember] {
        var found: [FormerMember] = []
        do {
            let repository = try Repository(at: Path(checkout.root), allowingShallow: true)
            let references = try repository.references()
            let starts = references.entries.map(\.target) + (references.headTarget.map { [$0] } ?? [])
            let folder = Array(checkout.rules.keyrings.utf8)
            let path = Array(checkout.keyringPath(keyring.environment).utf8)
            var seen: Set<ObjectID> = []
            for node in try repository.graph(from: starts).nodes.reversed() {
                // Other keyrings change who reaches what, too.
                guard let state = try repository.entry(at: folder, in: node.tree),
                    seen.insert(state.id).inserted,
                    let entry = try repository.entry(at: path, in: node.tree),
                    let then = try? Keyring(
                        parsing: repository.blob(entry.id, limit: Keyring.fileByteLimit),
                        environment: keyring.environment)
                else { continue }
                let isOfThisChain = keyring.chain.headers.starts(with: then.chain.headers)
                guard isOfThisChain || then.root != keyring.root else { continue }
                let members = then.body.members.filter { $0.name == name || $0.recipient == recipient }
                guard !members.isEmpty else { continue }
                let keyrings = try all(in: node.tree, repository, checkout)
                for member in members {
                    found.append(
                        FormerMember(member: member, isOfThisChain: isOfThisChain, keyrings: keyrings))
                }
            }
        } catch {
            // What can't be read, the report says for the whole history.
        }
        return found
    }

    /// Adds the epochs that he could open, by environment, through `environment`.
    func add(to reach: inout [String: Set<UInt64>], _ environment: String) throws {
        reach.merge(try keyrings.reach(of: member, in: environment)) { $0.union($1) }
    }

    private static func all(
        in tree: ObjectID, _ repository: Repository, _ checkout: Checkout
    ) throws(GitError) -> KeyringSet {
        guard let folder = try repository.entry(at: Array(checkout.rules.keyrings.utf8), in: tree) else {
            return KeyringSet([])
        }
        var found: [Keyring] = []
        for entry in try repository.tree(folder.id).entries where entry.mode == .file {
            guard let file = String(validating: entry.name, as: UTF8.self), file.hasSuffix(".yaml"),
                let text = try? repository.blob(entry.id, limit: Keyring.fileByteLimit),
                let keyring = try? Keyring(parsing: text, environment: String(file.dropLast(5)))
            else { continue }
            found.append(keyring)
        }
        return KeyringSet(found)
    }
}
