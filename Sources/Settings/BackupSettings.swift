/// What is archived of an environment, besides its own sources and keyring, and in which store.
package struct BackupSettings: Sendable {
    /// The name of the store.
    package let store: String
    /// Directories, commands and further repositories.
    package let sources: [BackupSourceSettings]
    /// When snapshots are taken; nil for by hand alone.
    package let schedule: CronExpression?
    /// The time zone of the schedule, where it has its own.
    package let zone: String?
    /// Whether a snapshot precedes each change of the targets.
    package let beforeChange: SnapshotBeforeChange
    /// Which snapshots are kept; nil keeps all.
    package let retention: RetentionSettings?
    /// How it is proved that snapshots can be restored; nil for by hand alone.
    package let drill: DrillSettings?
}

/// One thing that is archived, and what goes on around its capture.
package struct BackupSourceSettings: Sendable, Equatable {
    /// What it is.
    package let kind: Kind
    /// Its name, unique in its environment.
    package let name: String
    /// What is run before it is captured.
    package var before: HookSettings?
    /// What is run after that, in any case.
    package var after: HookSettings?
    /// The share in per cent that a directory or a command's output may lose from one snapshot to the next.
    package var maximumShrink: Int

    /// What can be archived.
    package enum Kind: Sendable, Equatable {
        /// A directory.
        case directory(DirectorySettings)
        /// The standard output of a command.
        case command(CommandSettings)
        /// A Git repository with all its references.
        case repository(url: String, access: AccessSettings)
    }

    /// A directory, and what of it is archived.
    package struct DirectorySettings: Sendable, Equatable {
        /// Its absolute path.
        package let path: String
        /// Patterns of what is taken; empty for all.
        package var include: [String] = []
        /// Patterns of what isn't.
        package var exclude: [String] = []
        /// `oneFileSystem`: whether what is mounted beneath it is left out.
        package var staysOnFileSystem = false
    }

    /// A command whose output is archived.
    package struct CommandSettings: Sendable, Equatable {
        /// The program, its arguments, and the time it may take.
        package let program: ProgramSettings
        /// Less output counts as a failure.
        package let minimumByteCount: UInt64
        /// What takes the output back from its standard input.
        package var restore: RestoreSettings?
    }

    /// A command that takes back what another one printed.
    package struct RestoreSettings: Sendable, Equatable {
        /// The program, its arguments, and the time it may take.
        package let program: ProgramSettings
        /// Whether a drill runs it too: it must know by `STRONGROOM_DRILL` to keep away from what is in use.
        package var runsInDrills = false
    }
}

/// A program that runs around a capture.
package struct HookSettings: Sendable, Equatable {
    /// The program, its arguments, and the time it may take.
    package let program: ProgramSettings
    /// Whether the source has failed where the program has.
    package var isRequired = true
}

/// How snapshots are restored on trial.
package struct DrillSettings: Sendable, Equatable {
    /// When; nil for by hand alone.
    package var schedule: CronExpression?
    /// The time zone of the schedule, where it has its own.
    package var zone: String?
    /// The file of the identity that opens sealed values, of a member with the role `drill` or `escrow`; nil for the
    /// service's own.
    package var identity: String?
    /// A snapshot that is older fails the drill; in seconds.
    package var maximumAgeSeconds: Int64 = 26 * 3_600
    /// A restore that takes longer fails the drill; in seconds, nil for any.
    package var maximumTimeSeconds: Int64?
    /// The directory beneath which snapshots are restored; nil for one of the state directory.
    package var scratch: String?
    /// Programs that judge what was restored.
    package var checks: [Check] = []

    /// A program that judges what was restored, by its exit status.
    package struct Check: Sendable, Equatable {
        /// Its name in the report.
        package let name: String
        /// The program, its arguments, and the time it may take.
        package let program: ProgramSettings
    }
}
