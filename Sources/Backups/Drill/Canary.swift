package import Encodings
package import Files
internal import Sodium

/// A token that is planted before a backup and looked for in what a drill restores: proof that what comes out went in, and
/// not long ago.
package struct Canary: Hashable, Sendable {
    /// The environment that it was planted in.
    package let environment: String
    /// When.
    package let time: Timestamp
    /// 32 random bytes.
    package let token: [UInt8]

    private static let title = "strongroom canary"

    /// A new canary.
    init(planting environment: String, at time: Timestamp) {
        self.environment = environment
        self.time = time
        token = RandomBytes.make(32)
    }

    /// The canary in the bytes of a document; nil where they hold none.
    package init?(document bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 5, lines[0] == Canary.title, lines[4].isEmpty,
            let environment = lines[1].value(of: "environment"), let planted = lines[2].value(of: "planted"),
            let time = try? Timestamp(rfc3339: planted), let text = lines[3].value(of: "token"),
            let token = try? Hex.decode(text), token.count == 32
        else { return nil }
        (self.environment, self.time, self.token) = (environment, time, token)
    }

    /// What is archived.
    package var document: [UInt8] {
        Array(
            "\(Canary.title)\nenvironment \(environment)\nplanted \(time)\ntoken \(Hex.encode(token))\n".utf8)
    }
}

extension Substring {
    /// What follows the word `name` and a space.
    fileprivate func value(of name: String) -> String? {
        hasPrefix("\(name) ") ? String(dropFirst(name.count + 1)) : nil
    }
}

/// The canaries that this machine planted.
///
/// On disk: a file an environment, 0600, with the documents of the last ones, newest last.
package struct CanaryBook: Sendable {
    private let directory: Path

    /// One that is younger than this, in seconds, is planted again as it is, so that backups of unchanged data add nothing.
    package static let renewal: Int64 = 3_600
    /// So many are remembered: more than a month's.
    private static let limit = 1_000

    /// The book in `directory`, made where it is missing.
    package init(directory: Path) { self.directory = directory }

    /// The canary that a backup of `environment` at `now` is to hold. Throws where it can't be remembered.
    package func plant(_ environment: String, at now: Timestamp) throws(FileError) -> Canary {
        var known = planted(environment) ?? []
        if let last = known.last, last.time <= now, now.seconds - last.time.seconds < CanaryBook.renewal {
            return last
        }
        let canary = Canary(planting: environment, at: now)
        known = known.suffix(CanaryBook.limit - 1) + [canary]
        let bytes = known.flatMap(\.document)
        let folder = try Directory.makePath(directory)
        try unsafe folder.write(bytes.span.bytes, to: name(environment))
        return canary
    }

    /// The canaries of `environment`, oldest first; nil where none is remembered.
    package func planted(_ environment: String) -> [Canary]? {
        guard let bytes = try? Directory(directory).read(name(environment), limit: 1 << 20) else {
            return nil
        }
        var found: [Canary] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var end = rest.startIndex
            for _ in 0..<4 {
                guard let line = rest[end...].firstIndex(of: 0x0A) else { return found }
                end = line + 1
            }
            if let canary = Canary(document: Array(rest[..<end])) { found.append(canary) }
            rest = rest[end...]
        }
        return found
    }

    private func name(_ environment: String) -> Path { Path("\(environment).canaries") }
}
