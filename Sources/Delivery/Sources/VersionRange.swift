/// Which versions are wanted: comparators that must all hold, joined by spaces or commas; alternatives joined by
/// `||`. `^1.2`, `~1.2.3`, `>=1 <2`, `1.x`, `*`, `1.2 - 2.0`, as npm and Cargo users write them.
///
/// A pre-release is in a range only where a comparator of the same alternative names a pre-release of the same
/// major, minor and patch: `>=1.2.0-rc.1` takes 1.2.0-rc.2, and never 1.3.0-rc.1.
package struct VersionRange: Sendable, Hashable, CustomStringConvertible {
    private struct Comparator: Sendable, Hashable {
        enum Relation: Sendable, Hashable { case below, atMost, exactly, atLeast, above }
        let relation: Relation
        let version: SemanticVersion

        func holds(for other: SemanticVersion) -> Bool {
            switch relation {
            case .below: other < version
            case .atMost: !(version < other)
            case .exactly: !(version < other) && !(other < version)
            case .atLeast: !(other < version)
            case .above: version < other
            }
        }
    }

    /// As it was written.
    package let text: String
    private let alternatives: [[Comparator]]

    /// As it was written.
    package var description: String { text }

    /// Parses a range of at most 200 bytes; nil where it is malformed or empty.
    package init?(_ text: String) {
        guard (1...200).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return nil
        }
        var found: [[Comparator]] = []
        for part in VersionRange.split(text) {
            guard let comparators = VersionRange.comparators(part) else { return nil }
            found.append(comparators)
        }
        self.text = text
        alternatives = found
    }

    /// Whether `version` is wanted.
    package func contains(_ version: SemanticVersion) -> Bool {
        alternatives.contains { comparators in
            guard comparators.allSatisfy({ $0.holds(for: version) }) else { return false }
            return version.prerelease.isEmpty
                || comparators.contains {
                    !$0.version.prerelease.isEmpty && $0.version.core == version.core
                }
        }
    }

    /// The alternatives, as words.
    private static func split(_ text: String) -> [[ArraySlice<UInt8>]] {
        var parts: [[UInt8]] = [[]]
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x7C, index + 1 < bytes.count, bytes[index + 1] == 0x7C {
                parts.append([])
                index += 2
            } else {
                parts[parts.count - 1].append(bytes[index])
                index += 1
            }
        }
        return parts.map { part in
            // An operator may stand apart from its version.
            var joined: [UInt8] = []
            for byte in part {
                if byte == 0x20, let last = joined.last, "<>=~^".utf8.contains(last) { continue }
                joined.append(byte)
            }
            return joined.split { $0 == 0x20 || $0 == 0x2C }
        }
    }

    private static func comparators(_ words: [ArraySlice<UInt8>]) -> [Comparator]? {
        guard (1...20).contains(words.count) else { return nil }
        if words.count == 3, words[1].elementsEqual("-".utf8) {
            guard let low = Partial(words[0]), let high = Partial(words[2]) else { return nil }
            return [Comparator(relation: .atLeast, version: low.lowest)] + upTo(high)
        }
        var found: [Comparator] = []
        for word in words {
            let sign = word.prefix { "<>=~^".utf8.contains($0) }
            guard let partial = Partial(word.dropFirst(sign.count)) else { return nil }
            let low = Comparator(relation: .atLeast, version: partial.lowest)
            switch String(decoding: sign, as: UTF8.self) {
            case "", "=":
                if partial.count == 3 {
                    found.append(Comparator(relation: .exactly, version: partial.lowest))
                } else {
                    found += [low] + upTo(partial)
                }
            case ">=": found.append(low)
            case "<=": found += upTo(partial)
            case "<": found.append(Comparator(relation: .below, version: partial.lowest))
            case ">":
                if partial.count == 3 {
                    found.append(Comparator(relation: .above, version: partial.lowest))
                } else {
                    guard let next = partial.next(partial.count) else { return nil }
                    found.append(Comparator(relation: .atLeast, version: next))
                }
            case "~":
                found.append(low)
                if let next = partial.next(min(partial.count, 2)) {
                    found.append(Comparator(relation: .below, version: next))
                }
            case "^":
                found.append(low)
                if let next = partial.next(partial.leadingCount) {
                    found.append(Comparator(relation: .below, version: next))
                }
            default: return nil
            }
        }
        return found
    }

    /// `<=` of a partial version: all of `1.2` is at most `1.2`.
    private static func upTo(_ partial: Partial) -> [Comparator] {
        guard partial.count < 3 else { return [Comparator(relation: .atMost, version: partial.lowest)] }
        return partial.next(partial.count).map { [Comparator(relation: .below, version: $0)] } ?? []
    }

    /// A version of which parts may be missing or `x`.
    private struct Partial {
        /// The numbers that are given, from the left.
        let numbers: [UInt64]
        let prerelease: [SemanticVersion.Identifier]
        var count: Int { numbers.count }

        init?(_ word: ArraySlice<UInt8>) {
            let version = word.split(separator: 0x2B, maxSplits: 1, omittingEmptySubsequences: false)[0]
            let bytes = version.first == 0x76 ? version.dropFirst() : version
            let whole = bytes.split(separator: 0x2D, maxSplits: 1, omittingEmptySubsequences: false)
            let parts = whole[0].split(separator: 0x2E, omittingEmptySubsequences: false)
            guard (1...3).contains(parts.count) else { return nil }
            var numbers: [UInt64] = []
            var isOpen = false
            for part in parts {
                if part.elementsEqual("x".utf8) || part.elementsEqual("X".utf8)
                    || part.elementsEqual("*".utf8)
                {
                    isOpen = true
                    continue
                }
                guard !isOpen, let number = SemanticVersion.number(part) else { return nil }
                numbers.append(number)
            }
            self.numbers = numbers
            guard whole.count == 2 else {
                prerelease = []
                return
            }
            guard numbers.count == 3, let found = SemanticVersion.prerelease(whole[1]) else { return nil }
            prerelease = found
        }

        /// Zeros where nothing is given.
        var lowest: SemanticVersion {
            let filled = numbers + [0, 0, 0]
            return SemanticVersion(filled[0], filled[1], filled[2], prerelease: prerelease)
        }

        /// How many numbers `^` keeps: up to the first that is not zero.
        var leadingCount: Int { (numbers.firstIndex { $0 > 0 } ?? (numbers.count - 1)) + 1 }

        /// The first release after all that begin with the first `kept` numbers; nil where none is kept.
        func next(_ kept: Int) -> SemanticVersion? {
            guard kept > 0, kept <= numbers.count else { return nil }
            var filled = Array(numbers[..<kept])
            filled[kept - 1] += 1
            filled += [0, 0, 0]
            return SemanticVersion(filled[0], filled[1], filled[2])
        }
    }
}
