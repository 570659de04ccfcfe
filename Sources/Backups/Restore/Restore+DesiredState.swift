internal import Archives
internal import Files

// The files of a commit of which there is no snapshot.

extension Restore {
    /// Whether the files of a commit belong to what was chosen.
    func isWanted(_ desired: DesiredState) -> Bool {
        let names = options.sources + options.wholeSources
        guard names.isEmpty, options.only.isEmpty else {
            return names.contains { [desired.source, "repository:\(desired.source)"].contains($0) }
        }
        return true
    }

    /// Writes the files of a commit into `desired/<source>`. Throws what fails for a reason of this machine or the store.
    func restore(
        _ desired: DesiredState, _ content: borrowing Directory, _ scratch: Path
    ) async throws -> RestoreReport.Desired {
        let path = Path("desired").appending(Path(desired.source))
        var report = RestoreReport.Desired(state: desired, path: path.description)
        let holder = try await reader.open(desired.holder)
        let name = Array(desired.source.utf8)
        guard Path(desired.source).isName,
            let source = holder.sources.first(where: { $0.kind == .repository && Array($0.name.utf8) == name }
            )
        else { throw BackupError(.unknownSource, "the snapshot has no repository \(desired.source)") }
        do {
            let outcome = try await RepositoryCheckout.run(
                desired.commit, of: source, from: reader, scratch: scratch,
                into: try content.makeDirectories(path))
            report.entryCount = outcome.entryCount
            report.byteCount = outcome.byteCount
            report.issues = outcome.issues
        } catch let error as BackupError {
            guard let cause = error.underlying as? ArchiveError, cause.isDamage else { throw error }
            try content.removeTree(path)
            let words = "left out, the repository is damaged in the store: \(cause.context)"
            report.issues.append(RestoreIssue([], .damaged, words))
        }
        return report
    }
}
