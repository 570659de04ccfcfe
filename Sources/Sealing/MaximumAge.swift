/// `maxAge` of a rule: how long a value may stand unchanged.
package struct MaximumAge: Hashable, Sendable, CustomStringConvertible {
    /// In seconds.
    package let seconds: Int64
    /// As the rules write it.
    package let description: String

    private static let units: [(suffix: UInt8, seconds: Int64)] = [
        (UInt8(ascii: "h"), 3_600), (UInt8(ascii: "d"), 86_400), (UInt8(ascii: "w"), 7 * 86_400),
        (UInt8(ascii: "y"), 365 * 86_400),
    ]

    /// The age of `text`: a whole number from 1 with `h`, `d`, `w` or `y` (365 days). Throws `rules`.
    package init(_ text: String) throws(SealingError) {
        let digits = text.utf8.dropLast()
        guard let unit = Self.units.first(where: { $0.suffix == text.utf8.last }),
            (1...5).contains(digits.count),
            digits.allSatisfy({ (0x30...0x39).contains($0) }), digits.first != 0x30,
            let count = Int64(text.dropLast())
        else { throw SealingError(.rules, "an age is a number of h, d, w or y, as 90d") }
        seconds = count * unit.seconds
        description = text
    }
}
