/// A version as Semantic Versioning 2.0.0 has it. Compared by precedence (section 11): what stands behind `+` does
/// not count, so that two versions can be equal and differ in text.
package struct SemanticVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// A part of a pre-release, between dots.
    enum Identifier: Sendable, Hashable, Comparable {
        case number(UInt64)
        case text(String)

        /// Numbers come before words; words are compared by their ASCII bytes.
        static func < (left: Identifier, right: Identifier) -> Bool {
            switch (left, right) {
            case (.number(let left), .number(let right)): left < right
            case (.number, .text): true
            case (.text, .number): false
            case (.text(let left), .text(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
            }
        }
    }

    /// Major, minor and patch.
    let core: [UInt64]
    /// The parts of the pre-release; empty for a release.
    let prerelease: [Identifier]

    /// The largest number that is taken: sums of one never overflow.
    private static let numberLimit: UInt64 = 1_000_000_000_000_000

    init(_ major: UInt64, _ minor: UInt64, _ patch: UInt64, prerelease: [Identifier] = []) {
        core = [major, minor, patch]
        self.prerelease = prerelease
    }

    /// Parses a whole version; nil for all else, leading zeros among it.
    package init?(_ text: String) {
        self.init(Array(text.utf8)[...])
    }

    /// The version that a tag is of: the whole of its name, after one leading `v`. nil for other names.
    package init?(tag: [UInt8]) {
        self.init(tag.first == 0x76 ? tag.dropFirst() : tag[...])
    }

    private init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count <= 200 else { return nil }
        let parts = bytes.split(separator: 0x2B, maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            let build = parts[1].split(separator: 0x2E, omittingEmptySubsequences: false)
            guard build.allSatisfy(SemanticVersion.isWord) else { return nil }
        }
        let whole = parts[0].split(separator: 0x2D, maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = whole[0].split(separator: 0x2E, omittingEmptySubsequences: false)
            .map(SemanticVersion.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2]
        else {
            return nil
        }
        var identifiers: [Identifier] = []
        if whole.count == 2 {
            guard let found = SemanticVersion.prerelease(whole[1]) else { return nil }
            identifiers = found
        }
        self.init(major, minor, patch, prerelease: identifiers)
    }

    /// The parts of a pre-release's text; nil where it is malformed.
    static func prerelease(_ bytes: ArraySlice<UInt8>) -> [Identifier]? {
        var identifiers: [Identifier] = []
        for part in bytes.split(separator: 0x2E, omittingEmptySubsequences: false) {
            guard isWord(part) else { return nil }
            if part.allSatisfy({ (0x30...0x39).contains($0) }) {
                guard let value = number(part) else { return nil }
                identifiers.append(.number(value))
            } else {
                identifiers.append(.text(String(decoding: part, as: UTF8.self)))
            }
        }
        return identifiers
    }

    /// A number without leading zeros.
    static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard (1...15).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.count == 1 || digits.first != 0x30
        else { return nil }
        return digits.reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
    }

    private static func isWord(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == 0x2D
            }
    }

    /// `1.2.3` or `1.2.3-rc.1`, without what stood behind `+`.
    package var description: String {
        let words = prerelease.map { part in
            switch part {
            case .number(let number): "\(number)"
            case .text(let text): text
            }
        }
        return core.map { "\($0)" }.joined(separator: ".")
            + (words.isEmpty ? "" : "-" + words.joined(separator: "."))
    }

    /// Precedence.
    package static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
        guard left.core == right.core else { return left.core.lexicographicallyPrecedes(right.core) }
        guard !left.prerelease.isEmpty, !right.prerelease.isEmpty else {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        return left.prerelease.lexicographicallyPrecedes(right.prerelease)
    }
}
