internal import Documents

/// Which snapshots of an environment are kept.
package struct RetentionSettings: Sendable, Equatable {
    /// The newest ones.
    package var last = 0
    /// The newest of so many hours, days, weeks, months and years that have any.
    package var hourly = 0
    /// As `hourly`.
    package var daily = 0
    /// As `hourly`.
    package var weekly = 0
    /// As `hourly`.
    package var monthly = 0
    /// As `hourly`.
    package var yearly = 0
    /// What was taken less long ago than this stays; in seconds.
    package var withinSeconds: Int64 = 0
    /// What has one of these tags stays.
    package var tags: [String] = []
    /// What was seen first less long ago stays; in seconds.
    package var minimumAgeSeconds: Int64 = 14 * 86_400

    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "last", "hourly", "daily", "weekly", "monthly", "yearly", "within", "tags", "minimumAge",
        ])
        last = try RetentionSettings.count(mapping, "last")
        hourly = try RetentionSettings.count(mapping, "hourly")
        daily = try RetentionSettings.count(mapping, "daily")
        weekly = try RetentionSettings.count(mapping, "weekly")
        monthly = try RetentionSettings.count(mapping, "monthly")
        yearly = try RetentionSettings.count(mapping, "yearly")
        if let node = mapping.optional("within") { withinSeconds = try Settings.seconds(node) }
        tags = try mapping.optional("tags")?.strings() ?? []
        let counts = [last, hourly, daily, weekly, monthly, yearly].map { Int64($0) } + [withinSeconds]
        guard counts.contains(where: { $0 > 0 }) else {
            throw node.expected("at least one count, or within: rules that keep nothing are not carried out")
        }
        if let node = mapping.optional("minimumAge") { minimumAgeSeconds = try Settings.seconds(node) }
    }

    private static func count(_ mapping: YAMLMapping, _ key: String) throws(DocumentError) -> Int {
        guard let node = mapping.optional(key) else { return 0 }
        let count = try node.int()
        guard (0...100_000).contains(count) else { throw node.expected("a count from 0 to 100000") }
        return Int(count)
    }
}
