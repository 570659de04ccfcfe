internal import Documents

/// What is done about targets that are not as they were delivered.
package struct DriftSettings: Sendable, Equatable {
    /// What is done.
    package enum Mode: String, Sendable, CaseIterable {
        /// It is told, and stays.
        case alert
        /// It is put back; the journal tells of it.
        case heal
        /// It is told and put back.
        case both

        /// Whether it is put back.
        package var heals: Bool { self != .alert }
        /// Whether it is told as a warning.
        package var alerts: Bool { self != .heal }
    }

    /// What is done.
    package var mode = Mode.both
    /// The seconds from one look to the next.
    package var intervalSeconds: Int64 = 300
    /// When it may be put back; empty for always.
    package var windows: [TimeWindow] = []

    /// The default: told and put back, at any time.
    package init() {}

    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["mode", "interval", "windows"])
        if let node = mapping.optional("mode") {
            guard let mode = Mode(rawValue: try node.string()) else {
                throw node.expected("alert, heal or both")
            }
            self.mode = mode
        }
        if let node = mapping.optional("interval") { intervalSeconds = try Settings.seconds(node) }
        windows = try (mapping.optional("windows")?.list() ?? []).map { node throws(DocumentError) in
            guard let window = TimeWindow(try node.string()) else {
                throw node.expected("a part of the day, as \"22:00-06:00\" or \"sat,sun 00:00-24:00\"")
            }
            return window
        }
    }
}

/// A check of what was delivered.
package struct HealthSettings: Sendable, Equatable {
    /// What is asked.
    package enum Probe: Sendable, Equatable {
        /// A program and its arguments.
        case command([String])
        /// A URL of this machine.
        case http(String)
        /// A file and the seconds that it may be old; nil for any age.
        case file(String, maximumAge: Int64?)
    }

    /// What is asked.
    package let probe: Probe
    /// Seconds that one attempt may take.
    package let timeoutSeconds: Int64
    /// Attempts after a failed one.
    package let retryCount: Int
    /// Seconds between attempts.
    package let intervalSeconds: Int64

    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "command", "http", "file", "maxAge", "timeout", "retries", "interval",
        ])
        let age = try mapping.optional("maxAge").map { node throws(DocumentError) in
            try Settings.seconds(node)
        }
        switch (mapping.optional("command"), mapping.optional("http"), mapping.optional("file")) {
        case (let command?, nil, nil):
            let arguments = try command.strings()
            guard let program = arguments.first, !program.isEmpty else {
                throw command.expected("a program and its arguments")
            }
            probe = .command(arguments)
        case (nil, let http?, nil): probe = .http(try http.string())
        case (nil, nil, let file?): probe = .file(try Settings.path(file), maximumAge: age)
        default: throw node.expected("one of command, http and file")
        }
        if age != nil, mapping.optional("file") == nil { throw node.expected("maxAge beside file alone") }
        timeoutSeconds =
            try mapping.optional("timeout").map { node throws(DocumentError) in try Settings.seconds(node) }
            ?? 10
        intervalSeconds =
            try mapping.optional("interval").map { node throws(DocumentError) in try Settings.seconds(node) }
            ?? 2
        if let node = mapping.optional("retries") {
            guard case let count = try node.int(), (0...100).contains(count) else {
                throw node.expected("a number from 0 to 100")
            }
            retryCount = count
        } else {
            retryCount = 5
        }
    }
}

/// Whether a snapshot precedes each change of the targets.
package enum SnapshotBeforeChange: String, Sendable, CaseIterable {
    /// It does, and without one nothing is changed.
    case require
    /// It is tried; a failure is told, and the change goes on.
    case attempt = "try"
    /// It does not.
    case never
}
