package import Encodings

/// Times that come again: the five fields of cron (minute, hour, day of the month, month, day of the week), with
/// lists, ranges, steps and names, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
///
/// As in cron, a day fits where either of its fields does when neither begins with `*`, else where both do. A time that clocks
/// skip comes when they would have shown it; one that they show twice comes once, or twice where the hour is any.
package struct CronExpression: Sendable, Hashable, CustomStringConvertible {
    /// The text it was read from.
    package let description: String
    private let minutes: Set<Int64>
    private let hours: Set<Int64>
    private let days: Set<Int64>
    private let months: Set<Int64>
    private let weekdays: Set<Int64>
    private let isEitherDay: Bool

    private static let words = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
    ]
    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// Reads an expression; nil for what is none, and for one that no day fits (February 30).
    package init?(_ text: String) {
        let fields = (CronExpression.words[text] ?? text).split(separator: " ").map(String.init)
        guard fields.count == 5,
            let minutes = CronExpression.field(fields[0], 0...59, []),
            let hours = CronExpression.field(fields[1], 0...23, []),
            let days = CronExpression.field(fields[2], 1...31, []),
            let months = CronExpression.field(fields[3], 1...12, CronExpression.monthNames),
            let weekdays = CronExpression.field(fields[4], 0...7, CronExpression.weekdayNames)
        else { return nil }
        description = text
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.weekdays = Set(weekdays.map { $0 % 7 })
        isEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        guard next(after: Timestamp(nanoseconds: 0), in: .utc) != nil else { return nil }
    }

    private static func field(_ text: String, _ range: ClosedRange<Int64>, _ names: [String]) -> Set<Int64>? {
        var values: Set<Int64> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard halves.count <= 2, let span = span(String(halves[0]), range, names, halves.count == 2)
            else {
                return nil
            }
            var step: Int64 = 1
            if halves.count == 2 {
                guard let given = Int64(halves[1]), given > 0, given <= range.upperBound else { return nil }
                step = given
            }
            values.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: Int(step)))
        }
        return values
    }

    private static func span(
        _ text: String, _ range: ClosedRange<Int64>, _ names: [String], _ hasStep: Bool
    ) -> ClosedRange<Int64>? {
        func value(_ text: some StringProtocol) -> Int64? {
            if let index = names.firstIndex(of: text.lowercased()) {
                // Months count from 1, days of the week from 0.
                return Int64(index) + range.lowerBound
            }
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int64(text).flatMap { range.contains($0) ? $0 : nil }
        }
        guard text != "*" else { return range }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = value(ends[0]) else { return nil }
        guard ends.count == 2 else {
            return ends.count == 1 ? first...(hasStep ? range.upperBound : first) : nil
        }
        guard let last = value(ends[1]), first <= last else { return nil }
        return first...last
    }

    /// Days that are searched: leap days are eight years apart at most.
    private static let dayLimit: Int64 = 9 * 366

    /// The first time after `moment` on the clocks of `zone`; nil where no day fits.
    package func next(after moment: Timestamp, in zone: ZoneRules) -> Timestamp? {
        let start = moment.seconds
        // From the day before: a moment whose local time was set back may lie behind.
        let today = CivilTime.split(start + zone.offset(at: start)).day
        let sortedHours = hours.sorted()
        let sortedMinutes = minutes.sorted()
        for day in (today - 1)...(today + CronExpression.dayLimit) where fits(day: day) {
            var found: Int64?
            for hour in sortedHours {
                for minute in sortedMinutes {
                    let moments = zone.moments(showing: day * 86_400 + hour * 3_600 + minute * 60)
                    for candidate in hours.count == 24 ? moments : Array(moments.prefix(1))
                    where candidate > start && candidate < found ?? Int64.max {
                        found = candidate
                    }
                }
                // A shift of the clocks moves a moment by no more than a day.
                if let found, found < day * 86_400 + hour * 3_600 - zone.offset(at: found) - 90_000 { break }
            }
            if let found { return Timestamp(seconds: found) }
        }
        return nil
    }

    private func fits(day: Int64) -> Bool {
        let date = CivilTime(seconds: day * 86_400)
        guard months.contains(date.month) else { return false }
        let (isDay, isWeekday) = (
            days.contains(date.day), weekdays.contains(CivilTime.weekday(ofDay: day))
        )
        return isEitherDay ? isDay || isWeekday : isDay && isWeekday
    }
}

/// A part of each day, or of some days of the week: `22:00-06:00`, `sat,sun 00:00-24:00`, `mon-fri 08:00-18:00`.
/// One that ends no later than it begins goes on into the next day.
package struct TimeWindow: Sendable, Hashable {
    private let weekdays: Set<Int64>
    private let start: Int64
    private let end: Int64

    /// Reads a window; nil for what is none.
    package init?(_ text: String) {
        let parts = text.split(separator: " ").map(String.init)
        guard let times = parts.last, parts.count <= 2 else { return nil }
        var weekdays: Set<Int64> = []
        if parts.count == 2 {
            for part in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
                let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { name in
                    CronExpression.weekdayNames.firstIndex(of: name.lowercased()).map { Int64($0) }
                }
                guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2 else {
                    return nil
                }
                var day = first
                weekdays.insert(day)
                while day != last {
                    day = (day + 1) % 7
                    weekdays.insert(day)
                }
            }
        } else {
            weekdays = Set(0...6)
        }
        let ends = times.split(separator: "-", omittingEmptySubsequences: false).map(TimeWindow.minute)
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < 1_440 else { return nil }
        self.weekdays = weekdays
        self.start = start
        self.end = end
    }

    private static func minute(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = Int64(parts[0]),
            let minute = Int64(parts[1]), (0...59).contains(minute), (0...24).contains(hour),
            hour < 24 || minute == 0
        else { return nil }
        return hour * 60 + minute
    }

    /// Whether `moment` lies in the window on the clocks of `zone`.
    package func contains(_ moment: Timestamp, in zone: ZoneRules) -> Bool {
        let local = CivilTime.split(moment.seconds + zone.offset(at: moment.seconds))
        let minute = local.secondOfDay / 60
        let today = CivilTime.weekday(ofDay: local.day)
        let yesterday = (today + 6) % 7
        guard end <= start else { return weekdays.contains(today) && minute >= start && minute < end }
        return weekdays.contains(today) && minute >= start || weekdays.contains(yesterday) && minute < end
    }
}
