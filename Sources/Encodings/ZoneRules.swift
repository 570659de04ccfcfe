/// The offsets from UTC of one time zone, as the system's database has them: TZif (RFC 8536) of version 2 or later.
package struct ZoneRules: Sendable, Hashable {
    private struct Transition: Sendable, Hashable {
        let time: Int64
        let offset: Int64
    }

    private let first: Int64
    private let transitions: [Transition]
    private let rule: ZoneRule?

    /// UTC itself.
    package static let utc = ZoneRules(first: 0, transitions: [], rule: nil)

    private init(first: Int64, transitions: [Transition], rule: ZoneRule?) {
        self.first = first
        self.transitions = transitions
        self.rule = rule
    }

    /// Reads a file of `/usr/share/zoneinfo`. Throws `badPrefix`, `truncated`, `nonCanonical` for what isn't one.
    package init(tzif bytes: [UInt8]) throws(EncodingError) {
        var reader = CanonicalReader(bytes, "time zone")
        let old = try ZoneRules.header(&reader)
        // The first block has 32-bit times: passed over.
        _ = try reader.raw(
            old.timeCount * 5 + old.typeCount * 6 + old.characterCount + old.leapCount * 8 + old.standardCount
                + old.utCount)
        let counts = try ZoneRules.header(&reader)
        var times: [Int64] = []
        for _ in 0..<counts.timeCount { times.append(Int64(bitPattern: try reader.uint64())) }
        let indices = try reader.raw(counts.timeCount)
        var offsets: [Int64] = []
        for _ in 0..<counts.typeCount {
            offsets.append(Int64(Int32(bitPattern: try reader.uint32())))
            _ = try reader.raw(2)
        }
        _ = try reader.raw(
            counts.characterCount + counts.leapCount * 12 + counts.standardCount + counts.utCount)
        guard let first = offsets.first, zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }),
            indices.allSatisfy({ Int($0) < offsets.count }), offsets.allSatisfy({ abs($0) < 93_600 })
        else { throw EncodingError(.nonCanonical, "time zone: transitions out of order") }
        self.first = first
        transitions = zip(times, indices).map { Transition(time: $0, offset: offsets[Int($1)]) }
        let footer = try reader.raw(reader.remaining)
        guard footer.first == 0x0A, footer.last == 0x0A, footer.count >= 2 else {
            throw EncodingError(.truncated, "time zone: no footer")
        }
        let text = footer.dropFirst().dropLast()
        rule = text.isEmpty ? nil : try ZoneRule(Array(text))
    }

    private typealias Counts = (
        utCount: Int, standardCount: Int, leapCount: Int, timeCount: Int, typeCount: Int, characterCount: Int
    )

    private static func header(_ reader: inout CanonicalReader) throws(EncodingError) -> Counts {
        guard try reader.raw(4) == Array("TZif".utf8), try reader.uint8() >= 0x32 else {
            throw EncodingError(.badPrefix, "time zone: not a TZif file of version 2 or later")
        }
        _ = try reader.raw(15)
        var counts: [Int] = []
        for _ in 0..<6 {
            let count = Int(try reader.uint32())
            guard count <= 10_000 else { throw EncodingError(.limitExceeded, "time zone: too large") }
            counts.append(count)
        }
        return (counts[0], counts[1], counts[2], counts[3], counts[4], counts[5])
    }

    /// Seconds to add to UTC for local time at `seconds` since 1970 in UTC.
    package func offset(at seconds: Int64) -> Int64 {
        guard let last = transitions.last else { return rule?.offset(at: seconds) ?? first }
        if seconds >= last.time { return rule?.offset(at: seconds) ?? last.offset }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].time <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : transitions[low - 1].offset
    }

    /// The moments, in seconds since 1970 in UTC and ascending, at which clocks of the zone show `local` (seconds
    /// since 1970 on those clocks): one, two where they were set back over it; where they were set forward over it,
    /// the one moment that they would show it had they not been.
    package func moments(showing local: Int64) -> [Int64] {
        let (before, after) = (offset(at: local - 93_600), offset(at: local + 93_600))
        var found: [Int64] = []
        for candidate in Set([before, after]) where offset(at: local - candidate) == candidate {
            found.append(local - candidate)
        }
        return found.isEmpty ? [local - before] : found.sorted()
    }
}

/// The rule for all later years in a TZif file's footer: a POSIX TZ string with its extensions (RFC 8536 §3.3.1).
private struct ZoneRule: Sendable, Hashable {
    private enum Day: Sendable, Hashable {
        /// 1 to 365, February 29 never counted.
        case julian(Int64)
        /// 0 to 365.
        case ordinal(Int64)
        /// The week's day (0 Sunday) for the n-th time in the month, 5 for the last.
        case weekday(month: Int64, week: Int64, day: Int64)
    }

    private struct Change: Sendable, Hashable {
        let day: Day
        let time: Int64
    }

    private let standard: Int64
    private let summer: (Int64, from: Change, to: Change)?

    static func == (left: ZoneRule, right: ZoneRule) -> Bool {
        left.standard == right.standard && left.summer?.0 == right.summer?.0
            && left.summer?.from == right.summer?.from && left.summer?.to == right.summer?.to
    }

    func hash(into hasher: inout Hasher) { hasher.combine(standard) }

    init(_ text: [UInt8]) throws(EncodingError) {
        var parser = Parser(rest: text[...])
        try parser.name()
        standard = -(try parser.time())
        guard !parser.rest.isEmpty else {
            summer = nil
            return
        }
        try parser.name()
        let offset = parser.rest.first == 0x2C ? standard + 3_600 : -(try parser.time())
        try parser.take(0x2C)
        let from = try parser.change()
        try parser.take(0x2C)
        let to = try parser.change()
        guard parser.rest.isEmpty else { throw Parser.refused }
        summer = (offset, from, to)
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let (offset, from, to) = summer else { return standard }
        let year = CivilTime(seconds: seconds + standard).year
        guard let start = ZoneRule.moment(from, year), let end = ZoneRule.moment(to, year) else {
            return standard
        }
        let (begins, ends) = (start - standard, end - offset)
        let isSummer =
            begins < ends ? begins <= seconds && seconds < ends : !(ends <= seconds && seconds < begins)
        return isSummer ? offset : standard
    }

    /// The change in local seconds since 1970 as clocks show it just before.
    private static func moment(_ change: Change, _ year: Int64) -> Int64? {
        guard let newYear = CivilTime.days(year: year, month: 1, day: 1) else { return nil }
        let days: Int64
        switch change.day {
        case .ordinal(let day): days = newYear + day
        case .julian(let day):
            let isLeap = CivilTime.days(year: year, month: 2, day: 29) != nil
            days = newYear + day - 1 + (isLeap && day >= 60 ? 1 : 0)
        case .weekday(let month, let week, let day):
            guard let start = CivilTime.days(year: year, month: month, day: 1) else { return nil }
            let next = month == 12 ? (year + 1, 1) : (year, month + 1)
            guard let end = CivilTime.days(year: next.0, month: next.1, day: 1) else { return nil }
            let shift = (day - CivilTime.weekday(ofDay: start) + 7) % 7
            var found = start + shift + 7 * (week - 1)
            while found >= end { found -= 7 }
            days = found
        }
        return days * 86_400 + change.time
    }

    private struct Parser {
        var rest: ArraySlice<UInt8>

        static var refused: EncodingError { EncodingError(.nonCanonical, "time zone: rule of another form") }

        mutating func take(_ byte: UInt8) throws(EncodingError) {
            guard rest.first == byte else { throw Parser.refused }
            rest = rest.dropFirst()
        }

        mutating func name() throws(EncodingError) {
            if rest.first == 0x3C {
                guard let end = rest.firstIndex(of: 0x3E) else { throw Parser.refused }
                rest = rest[(end + 1)...]
                return
            }
            let letters = rest.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
            guard letters.count >= 3 else { throw Parser.refused }
            rest = rest.dropFirst(letters.count)
        }

        mutating func number() throws(EncodingError) -> Int64 {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...3).contains(digits.count) else { throw Parser.refused }
            rest = rest.dropFirst(digits.count)
            return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time() throws(EncodingError) -> Int64 {
            var sign: Int64 = 1
            if rest.first == 0x2D || rest.first == 0x2B {
                sign = rest.first == 0x2D ? -1 : 1
                rest = rest.dropFirst()
            }
            var seconds = try number() * 3_600
            for unit: Int64 in [60, 1] where rest.first == 0x3A {
                rest = rest.dropFirst()
                seconds += try number() * unit
            }
            return sign * seconds
        }

        mutating func change() throws(EncodingError) -> Change {
            let day: Day
            switch rest.first {
            case 0x4D:
                rest = rest.dropFirst()
                let month = try number()
                try take(0x2E)
                let week = try number()
                try take(0x2E)
                let weekday = try number()
                guard (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday) else {
                    throw Parser.refused
                }
                day = .weekday(month: month, week: week, day: weekday)
            case 0x4A:
                rest = rest.dropFirst()
                let number = try number()
                guard (1...365).contains(number) else { throw Parser.refused }
                day = .julian(number)
            default:
                let number = try number()
                guard (0...365).contains(number) else { throw Parser.refused }
                day = .ordinal(number)
            }
            guard rest.first == 0x2F else { return Change(day: day, time: 7_200) }
            rest = rest.dropFirst()
            return Change(day: day, time: try time())
        }
    }
}
