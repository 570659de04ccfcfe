package import Archives
package import Backups
internal import Encodings
package import Files
internal import Settings

extension EnvironmentRestore {
    /// What is to be done.
    package struct Plan: Sendable {
        /// A directory and the source that it becomes.
        package struct Place: Sendable {
            /// What is restored.
            package let source: SnapshotSource
            /// Where it stands.
            package let target: Path
        }

        /// A command that takes an output back.
        package struct Feed: Sendable {
            /// The command's output in the snapshot.
            package let source: SnapshotSource
            /// What reads it from its standard input.
            package let command: CommandRun
        }

        /// A source that isn't brought back.
        package struct Omission: Sendable {
            /// The source's name.
            package let source: String
            /// Why.
            package let reason: String
            /// Whether live state is missing that somebody counts on: not so for what comes back with --into alone, and for
            /// outputs that the settings have taken back by nobody.
            package let isShortfall: Bool

            /// All of it in words.
            package var words: String { "\(source): \(reason)" }
        }

        /// Directories that are exchanged, in order.
        package internal(set) var places: [Place] = []
        /// Commands that are fed after that, in order.
        package internal(set) var feeds: [Feed] = []
        /// What of the snapshot isn't brought back, and why.
        package internal(set) var leftOut: [Omission] = []
        /// The commit that the environment is held at from then on, 40 hexadecimal digits; nil leaves it where it is.
        package internal(set) var commit: String?

        /// The sources among these that the snapshot holds a part of only.
        package var partial: [SnapshotSource] {
            (places.map(\.source) + feeds.map(\.source)).filter { $0.status != .complete }
        }
    }

    /// What bringing back the sources called `chosen` (all where there is none) of `snapshot` means; `commit`, 20 bytes, is
    /// the revision that is set. Throws `unknownSource` for a name that the snapshot or the settings don't have.
    package func plan(_ snapshot: Snapshot, _ chosen: [String], commit: [UInt8]?) throws -> Plan {
        var plan = Plan()
        plan.commit = commit.map { Hex.encode($0) }
        for name in chosen
        where !snapshot.sources.contains(where: { Array($0.name.utf8) == Array(name.utf8) }) {
            let names = snapshot.sources.map(\.name).joined(separator: ", ")
            throw BackupError(.unknownSource, "the snapshot has no source \(name); it has \(names)")
        }
        let settings = environment.backup?.sources ?? []
        func leave(_ source: SnapshotSource, _ reason: String, isShortfall: Bool = true) {
            plan.leftOut.append(
                Plan.Omission(source: source.name, reason: reason, isShortfall: isShortfall))
        }
        for source in snapshot.sources
        where chosen.isEmpty || chosen.contains(where: { Array($0.utf8) == Array(source.name.utf8) }) {
            guard source.root != nil else {
                leave(source, "nothing was captured of it (\(source.captureWords))")
                continue
            }
            switch (source.kind, settings.first { Array($0.name.utf8) == Array(source.name.utf8) }) {
            case (.directory, let found?):
                guard let path = found.directoryPath else {
                    leave(source, "no directory in the settings any more")
                    continue
                }
                guard !source.isPartOfDirectory, !found.isPartial else {
                    leave(
                        source,
                        "a part of \(path) is captured, and an exchange would lose the rest; it comes back with --into"
                    )
                    continue
                }
                plan.places.append(Plan.Place(source: source, target: Path(path)))
            case (.command, let found?):
                guard let command = found.restoring else {
                    leave(source, "the settings have no restore: command for it", isShortfall: false)
                    continue
                }
                plan.feeds.append(Plan.Feed(source: source, command: command))
            case (.directory, nil), (.command, nil):
                leave(source, "the settings don't name it any more")
            case (.repository, _): leave(source, "repositories come back with --into", isShortfall: false)
            case (.keyring, _): leave(source, "keyring and rules come back with --into", isShortfall: false)
            case (.kubernetes, _): leave(source, "resources come back with --into", isShortfall: false)
            }
        }
        try ExchangeCheck.run(plan.places.map(\.target), apartFrom: [state.description] + kept)
        return plan
    }
}

extension SnapshotSource {
    /// How the capture came out, with the first of what it noted, in words.
    package var captureWords: String {
        let shown = notes.prefix(3)
        let more = notes.count > shown.count ? ["and \(notes.count - shown.count) more"] : []
        return ([status.name] + shown + more).joined(separator: "; ")
    }
}
