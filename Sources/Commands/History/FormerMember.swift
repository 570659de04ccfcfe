internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Trust

/// A member who was removed before: as the newest commit knows him in which he still was one.
struct FormerMember {
    /// The member.
    let member: Member
    /// All keyrings of that commit.
    let keyrings: KeyringSet

    /// Looks for the member `name` in the commits of HEAD. Nil where no generation before the one of `keyring` had him,
    /// or the history can't be read.
    static func find(_ name: String, of keyring: Keyring, in checkout: Checkout) throws -> FormerMember? {
        do {
            let repository = try Repository(at: Path(checkout.root), allowingShallow: true)
            guard let head = try repository.references().headTarget else { return nil }
            let path = Array(checkout.keyringPath(keyring.environment).utf8)
            var seen: Set<ObjectID> = []
            for node in try repository.graph(from: [head]).nodes.reversed() {
                guard let entry = try repository.entry(at: path, in: node.tree),
                    seen.insert(entry.id).inserted,
                    let then = try? Keyring(
                        parsing: repository.blob(entry.id, limit: Keyring.fileByteLimit),
                        environment: keyring.environment),
                    keyring.chain.headers.starts(with: then.chain.headers),
                    let member = then.body.members.first(where: { $0.name == name })
                else { continue }
                return FormerMember(member: member, keyrings: try all(in: node.tree, repository, checkout))
            }
            return nil
        } catch {
            return nil
        }
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
