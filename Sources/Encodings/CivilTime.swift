/// A date of the proleptic Gregorian calendar and a time of day, without a zone.
package struct CivilTime: Hashable, Sendable {
    /// The year.
    package let year: Int64
    /// The month, 1 to 12.
    package let month: Int64
    /// The day of the month, from 1.
    package let day: Int64
    /// The second of the day, 0 to 86,399.
    package let secondOfDay: Int64

    /// The date and time that clocks show `seconds` after 1970-01-01T00:00:00 on the same clocks.
    package init(seconds: Int64) {
        let (days, rest) = seconds.quotientAndRemainderFloored(by: 86_400)
        (year, month, day) = Timestamp.civil(days: days)
        secondOfDay = rest
    }

    /// The day of the week of the day that is `days` after 1970-01-01: 0 is Sunday.
    package static func weekday(ofDay days: Int64) -> Int64 {
        // 1970-01-01 was a Thursday.
        (days + 4).quotientAndRemainderFloored(by: 7).1
    }

    /// Days from 1970-01-01 to a date; nil where the month has no such day.
    package static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        Timestamp.days(year: year, month: month, day: day)
    }

    /// `seconds` as whole days since 1970 and the second of the day.
    package static func split(_ seconds: Int64) -> (day: Int64, secondOfDay: Int64) {
        let (days, rest) = seconds.quotientAndRemainderFloored(by: 86_400)
        return (days, rest)
    }
}
