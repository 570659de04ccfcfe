/// The lines of a commit or tag up to the first empty line, which is where headers end: what follows is text.
struct HeaderLines {
    /// A header with its continuation lines.
    struct Header {
        /// The word before the first space.
        let key: String
        /// What follows the first space on the header's own line.
        let firstLine: ArraySlice<UInt8>
        /// Continuation lines, each without its leading space.
        fileprivate(set) var continuation: [ArraySlice<UInt8>] = []
        /// Where the header and its continuation lines stand, line feeds included.
        fileprivate(set) var range: Range<Int>
    }

    /// All headers, in order.
    let headers: [Header]
    /// Where the message begins.
    let messageStart: Int

    /// Splits `raw`. Throws `failure` where a header has no space or an odd key, a continuation line comes
    /// first, a NUL stands among the headers, or no empty line ends them.
    init(_ raw: [UInt8], _ failure: GitError.Code) throws(GitError) {
        var headers: [Header] = []
        var position = 0
        while true {
            guard let end = raw[position...].firstIndex(of: 0x0A) else {
                throw GitError(failure, "no empty line ends the headers")
            }
            let line = raw[position..<end]
            guard !line.contains(0) else { throw GitError(failure, "a NUL among the headers") }
            if line.isEmpty {
                position = end + 1
                break
            }
            if line.first == 0x20 {
                guard !headers.isEmpty else {
                    throw GitError(failure, "a continuation line before any header")
                }
                let last = headers.count - 1
                headers[last].continuation.append(line.dropFirst())
                headers[last].range = headers[last].range.lowerBound..<end + 1
            } else {
                guard let space = line.firstIndex(of: 0x20), HeaderLines.isKey(line[..<space]) else {
                    throw GitError(failure, "a header without a name or a value")
                }
                headers.append(
                    Header(
                        key: String(decoding: line[..<space], as: UTF8.self), firstLine: line[(space + 1)...],
                        range: position..<end + 1))
            }
            position = end + 1
        }
        self.headers = headers
        messageStart = position
    }

    /// A name of 1 to 64 visible ASCII characters.
    private static func isKey(_ bytes: ArraySlice<UInt8>) -> Bool {
        (1...64).contains(bytes.count) && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

/// Who made a commit or tag, and when: a claim, which nobody checked.
package struct Authorship: Equatable, Sendable {
    /// The name, as bytes; may be empty.
    package let name: [UInt8]
    /// The address between the angle brackets, as bytes.
    package let email: [UInt8]
    /// Seconds since 1970.
    package let seconds: Int64
    /// The author's clock, in minutes east of UTC.
    package let offsetMinutes: Int

    /// Parses `Name <email> seconds ±hhmm`. Throws `failure` for anything else.
    init(_ line: ArraySlice<UInt8>, _ failure: GitError.Code) throws(GitError) {
        let broken = GitError(failure, "an author, committer or tagger that is not one")
        guard let open = line.firstIndex(of: 0x3C), let close = line.firstIndex(of: 0x3E), open < close,
            open == line.startIndex || line[open - 1] == 0x20
        else { throw broken }
        let rest = line[(close + 1)...]
        guard line[(open + 1)...].firstIndex(of: 0x3C) == nil, rest.firstIndex(of: 0x3E) == nil else {
            throw broken
        }
        let words = rest.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 3, words[0].isEmpty, let seconds = Authorship.number(words[1], digits: 1...18),
            words[1].count == 1 || words[1].first != 0x30
        else { throw broken }
        let zone = words[2]
        guard zone.count == 5, zone.first == 0x2B || zone.first == 0x2D,
            let clock = Authorship.number(zone.dropFirst(), digits: 4...4)
        else { throw broken }
        name = Array(line[..<open].dropLast())
        email = Array(line[(open + 1)..<close])
        self.seconds = seconds
        offsetMinutes = Int(clock / 100 * 60 + clock % 100) * (zone.first == 0x2D ? -1 : 1)
    }

    private static func number(_ digits: ArraySlice<UInt8>, digits range: ClosedRange<Int>) -> Int64? {
        guard range.contains(digits.count) else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 0x30)
        }
        return value
    }
}
