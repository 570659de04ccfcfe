/// A moment in UTC, in nanoseconds since 1970-01-01T00:00:00Z, without leap seconds, and its RFC 3339 text.
///
/// Covers the years 1678 to 2261; what lies outside is refused, never wrapped.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since 1970.
    package let nanoseconds: Int64

    /// A moment by its nanoseconds since 1970.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// A moment by its whole seconds since 1970; nil outside the range.
    package init?(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        nanoseconds = product
    }

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int64 {
        let quotient = nanoseconds / 1_000_000_000
        return nanoseconds % 1_000_000_000 < 0 ? quotient - 1 : quotient
    }

    /// RFC 3339 in UTC with as many decimals as needed, in groups of three: `2026-03-01T09:30:00Z`.
    package var description: String {
        let (days, secondOfDay) = seconds.quotientAndRemainderFloored(by: 86_400)
        let date = Timestamp.civil(days: days)
        var text =
            Timestamp.pad(date.year, 4) + "-" + Timestamp.pad(date.month, 2) + "-"
            + Timestamp.pad(date.day, 2)
        text += "T" + Timestamp.pad(secondOfDay / 3_600, 2) + ":" + Timestamp.pad(secondOfDay / 60 % 60, 2)
        text += ":" + Timestamp.pad(secondOfDay % 60, 2)
        var fraction = nanoseconds.quotientAndRemainderFloored(by: 1_000_000_000).1
        guard fraction > 0 else { return text + "Z" }
        var width = 9
        while fraction % 1_000 == 0 {
            fraction /= 1_000
            width -= 3
        }
        return text + "." + Timestamp.pad(fraction, width) + "Z"
    }

    /// The moment of an RFC 3339 text: date, `T`, time, up to nine decimals, `Z` or an offset; or a date alone
    /// (its first second in UTC). Throws `invalidCharacter` for any other text or a date that doesn't exist.
    package init(rfc3339 text: String) throws(EncodingError) {
        let refused = EncodingError(.invalidCharacter, "time: expected RFC 3339 as 2026-03-01T09:30:00Z")
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) throws(EncodingError) -> Int64 {
            guard rest.count >= digits, rest.prefix(digits).allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw refused
            }
            defer { rest = rest.dropFirst(digits) }
            return rest.prefix(digits).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        func expect(_ character: Character) throws(EncodingError) {
            guard rest.first == character.asciiValue else { throw refused }
            rest = rest.dropFirst()
        }
        let year = try number(4)
        try expect("-")
        let month = try number(2)
        try expect("-")
        let day = try number(2)
        guard (1...12).contains(month), let days = Timestamp.days(year: year, month: month, day: day) else {
            throw refused
        }
        var second = days * 86_400
        var fraction: Int64 = 0
        if !rest.isEmpty {
            try expect("T")
            let hour = try number(2)
            try expect(":")
            let minute = try number(2)
            try expect(":")
            let sec = try number(2)
            guard hour < 24, minute < 60, sec < 60 else { throw refused }
            second += hour * 3_600 + minute * 60 + sec
            if rest.first == 0x2E {
                rest = rest.dropFirst()
                let digits = rest.prefix { (0x30...0x39).contains($0) }.count
                guard (1...9).contains(digits) else { throw refused }
                fraction = try number(digits)
                for _ in digits..<9 { fraction *= 10 }
            }
            if rest.first == 0x5A {
                rest = rest.dropFirst()
            } else {
                guard let sign = rest.first, sign == 0x2B || sign == 0x2D else { throw refused }
                rest = rest.dropFirst()
                let hours = try number(2)
                try expect(":")
                let minutes = try number(2)
                guard hours < 24, minutes < 60 else { throw refused }
                second += (sign == 0x2B ? -1 : 1) * (hours * 3_600 + minutes * 60)
            }
        }
        // Before 1970 from the next second backwards: the first second of the range lies in it only in part.
        if second < 0, fraction > 0 {
            second += 1
            fraction -= 1_000_000_000
        }
        let (product, overflow) = second.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(fraction)
        guard rest.isEmpty, !overflow, !carried else { throw refused }
        nanoseconds = sum
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Days since 1970 of a date of the proleptic Gregorian calendar; nil where the month has no such day.
    /// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.quotientAndRemainderFloored(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        guard day >= 1, civil(days: days) == (year, month, day) else { return nil }
        return days
    }

    /// The date of a day counted from 1970 (civil_from_days of the same paper).
    static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).quotientAndRemainderFloored(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthIndex + 2) / 5 + 1
        )
    }
}

extension Int64 {
    /// Quotient rounded towards negative infinity, and the remainder that goes with it (never negative).
    func quotientAndRemainderFloored(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
