internal import Delivery
internal import Files
package import Git
internal import Sealing
package import Settings

/// Which environment a repository's path belongs to, where the command line names none.
package enum EnvironmentInference {
    /// The environment of the first rule that is for a file under the source's path, in the commit that is asked for.
    ///
    /// The commit is not verified yet: the sync that follows does that, and opens nothing before. Fetches into the
    /// mirror below `state`. Throws `configurationMissing` where the commit has no rules, `unusableRequest` where none
    /// of them is for a file there.
    package static func name(
        for settings: SourceSettings, state: String, _ options: FetchOptions = FetchOptions()
    ) throws -> String {
        _ = try Directory.makePath(Path(state))
        let source = try Source(settings)
        let syncState = SyncState(directory: Path(state))
        // The lock makes the directory of mirrors; its name can't be an environment's.
        let lock = try syncState.lock(environment: "_")
        defer { _ = lock }
        let pulled = try PulledCommit.pull(
            source, into: syncState.mirror(of: source.location), mark: nil, allowedRollback: nil,
            rebuilding: false,
            options)
        let repository = pulled.mirror.repository
        let root = try repository.commit(pulled.id).tree
        guard let file = try repository.entry(at: Array(Rules.fileName.utf8), in: root) else {
            throw DeliveryError(.configurationMissing, "commit \(pulled.id): no \(Rules.fileName)")
        }
        let rules = try Rules(parsing: try repository.blob(file.id, limit: SealingLimit.rulesByteCount))
        let prefix = source.path.isEmpty ? [] : source.path + [0x2F]
        let start = source.path.isEmpty ? root : try repository.entry(at: source.path, in: root)?.id
        guard let start else {
            throw DeliveryError(.unusableRequest, "commit \(pulled.id): no directory \(Path(source.path))")
        }
        for entry in try repository.walk(tree: start) where entry.byteCount != nil {
            if let rule = rules.rule(for: prefix + entry.path) { return rule.environment }
        }
        throw DeliveryError(
            .unusableRequest,
            "no rule is for a file under \(Path(source.path)): name the environment before --once")
    }
}
