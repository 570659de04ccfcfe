package import Git
package import Keyrings
package import Settings

/// What the service is given by its face: where it reads, what it says, how it tells errors.
package struct ServiceOptions: Sendable {
    /// How much is logged; each level with all before it.
    package enum LogLevel: Int, Sendable, CaseIterable, Comparable {
        /// Something could not be done.
        case error
        /// Something is not as it should be.
        case warning
        /// Something was changed.
        case notice
        /// What was looked at.
        case info
        /// Every run.
        case debug

        /// The level's name.
        package var name: String { "\(self)" }

        package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
    }

    /// The path of the settings file.
    package var settingsFile: String
    /// Reads and validates the settings: at the start and at each reload.
    package var settings: @Sendable () throws -> Settings
    /// Loads the identities of these files.
    package var identities: @Sendable ([String]) throws -> [MemberIdentity]
    /// Reads a file of configuration.
    package var file: @Sendable (String) throws -> [UInt8]
    /// An error as the user meets it: its exit code and its words.
    package var describe: @Sendable (any Error) -> (code: Int32, message: String)
    /// Writes one line of the log.
    package var log: @Sendable (LogLevel, String) -> Void
    /// The process that fetches.
    package var process: FetchProcess
    /// The user of this process (geteuid(2)), who alone may read private keys.
    package var user: UInt32
    /// With what buckets are reached.
    package var buckets: BucketAccess
    /// Who the audit log names.
    package var author: String
    /// The program's version.
    package var version: String
    /// systemd's socket for notices (sd_notify(3)); nil where nobody listens.
    package var notifySocket: String?
    /// Microseconds after which systemd gives up on a service that is silent; nil where it doesn't watch.
    package var watchdogMicroseconds: UInt64?

    /// Options of these values.
    package init(
        settingsFile: String, settings: @escaping @Sendable () throws -> Settings,
        identities: @escaping @Sendable ([String]) throws -> [MemberIdentity],
        file: @escaping @Sendable (String) throws -> [UInt8],
        describe: @escaping @Sendable (any Error) -> (code: Int32, message: String),
        log: @escaping @Sendable (LogLevel, String) -> Void, process: FetchProcess, user: UInt32,
        buckets: BucketAccess, author: String, version: String,
        notifySocket: String?, watchdogMicroseconds: UInt64?
    ) {
        self.settingsFile = settingsFile
        self.settings = settings
        self.identities = identities
        self.file = file
        self.describe = describe
        self.log = log
        self.process = process
        self.user = user
        self.buckets = buckets
        self.author = author
        self.version = version
        self.notifySocket = notifySocket
        self.watchdogMicroseconds = watchdogMicroseconds
    }
}
