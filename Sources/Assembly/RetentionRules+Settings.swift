package import Archives
package import Settings

extension RetentionRules {
    /// The rules that the settings name.
    package init(_ settings: RetentionSettings) {
        self.init()
        last = settings.last
        hourly = settings.hourly
        daily = settings.daily
        weekly = settings.weekly
        monthly = settings.monthly
        yearly = settings.yearly
        within = .seconds(settings.withinSeconds)
        tags = Set(settings.tags)
        minimumAge = .seconds(settings.minimumAgeSeconds)
    }
}
