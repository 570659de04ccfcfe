/// Patterns over one word: `*` stands for any run of bytes, and `?` for one byte where that is asked for.
package enum Wildcard {
    /// Whether the whole of `name` matches `pattern`. Takes at most pattern × name steps: only the last star is ever
    /// tried anew.
    package static func matches(_ pattern: [UInt8], _ name: [UInt8], questionMark: Bool = false) -> Bool {
        var p = 0
        var n = 0
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == 0x2A {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == name[n] || questionMark && pattern[p] == 0x3F {
                p += 1
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                p = last.pattern + 1
                n = last.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == 0x2A }
    }
}
