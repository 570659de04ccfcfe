internal import Documents

/// A regular expression over key paths as people write them: `/regex/` in the rules (FORMAT.md §6.2). The whole of
/// a key path must match.
///
/// Rules come with commits, and an agent obeys them: what could take a matcher that tries alternatives too long is
/// refused when the rules are read.
package struct KeyPathExpression: Hashable, Sendable {
    /// The longest expression, in bytes.
    static let byteLimit = 256
    /// The longest key path that an expression is tried on, in bytes; a longer one is refused.
    static let pathByteLimit = 512
    /// The most repetitions without a bound: n of them take the length of the path to the n-th power.
    static let repetitionLimit = 3

    /// What stands between the slashes.
    package let text: String

    /// The expression of `text`. Throws `rules` where it isn't one, or could take too long.
    package init(_ text: String) throws(SealingError) {
        guard (1...Self.byteLimit).contains(text.utf8.count) else {
            throw SealingError(.rules, "a regular expression of 1 to \(Self.byteLimit) bytes")
        }
        try KeyPathExpression.requireBounded(text)
        self.text = text
        _ = try matcher()
    }

    /// The compiled expression, which tells whether a key path matches. A `Regex` is not for several threads.
    func matcher() throws(SealingError) -> Matcher {
        do {
            return Matcher(regex: try Regex(text).matchingSemantics(.unicodeScalar))
        } catch {
            throw SealingError(.rules, "not a regular expression", underlying: error)
        }
    }

    /// A compiled expression.
    struct Matcher {
        fileprivate let regex: Regex<AnyRegexOutput>

        /// Whether the whole of `path` matches. Throws `limitExceeded` for a path above the limit.
        func matches(_ path: SlotPath) throws(SealingError) -> Bool {
            let text = path.text
            guard text.utf8.count <= KeyPathExpression.pathByteLimit else {
                throw SealingError(
                    .limitExceeded,
                    "a key path above \(KeyPathExpression.pathByteLimit) bytes, and the rule has a /regex/")
            }
            do {
                return try regex.wholeMatch(in: text) != nil
            } catch {
                throw SealingError(.rules, "the regular expression can't be tried", underlying: error)
            }
        }
    }

    /// Refuses repeated groups that repeat or choose inside, references back, looking around, and too many
    /// repetitions without a bound.
    private static func requireBounded(_ text: String) throws(SealingError) {
        let refusal = SealingError(
            .rules,
            "the regular expression could take too long: no repeated groups with + * { | inside, no references or "
                + "looking around, at most \(repetitionLimit) of + * {")
        let bytes = Array(text.utf8)
        var repetitions = 0
        /// For each open group, whether something in it repeats or chooses.
        var groups: [Bool] = []
        var closed: Bool?
        var isClass = false
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            defer { position += 1 }
            let last = closed
            closed = nil
            if byte == UInt8(ascii: "\\") {
                position += 1
                guard position < bytes.count else { continue }
                let next = bytes[position]
                guard !(0x31...0x39).contains(next), !"kgQ".utf8.contains(next) else { throw refusal }
            } else if isClass {
                isClass = byte != UInt8(ascii: "]")
            } else {
                switch byte {
                case UInt8(ascii: "["): isClass = true
                case UInt8(ascii: "("):
                    groups.append(false)
                    if bytes.dropFirst(position + 1).first == UInt8(ascii: "?") {
                        guard bytes.dropFirst(position + 2).first == UInt8(ascii: ":") else { throw refusal }
                        position += 2
                    }
                case UInt8(ascii: ")"):
                    let inner = groups.popLast() ?? false
                    closed = inner
                    if inner, !groups.isEmpty { groups[groups.count - 1] = true }
                case UInt8(ascii: "|"):
                    if !groups.isEmpty { groups[groups.count - 1] = true }
                case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "{"):
                    repetitions += 1
                    guard last != true, repetitions <= repetitionLimit else { throw refusal }
                    if !groups.isEmpty { groups[groups.count - 1] = true }
                default: break
                }
            }
        }
    }
}
