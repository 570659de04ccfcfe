internal import Archives
package import Encodings

/// Which entries of snapshots are looked for.
///
/// A pattern without a slash is compared with names alone; one with slashes with the whole of `SOURCE/PATH`. `*` stands for
/// any characters of a name, `**` for any names in between (`Glob`).
package struct EntryPattern: Sendable, Hashable {
    private let glob: Glob
    private let isOfNames: Bool

    /// The pattern `text`. Throws `invalidCharacter` as `Glob`.
    package init(_ text: [UInt8]) throws(EncodingError) {
        glob = try Glob(text)
        isOfNames = !text.contains(0x2F)
    }

    /// Whether the entry at `path` of the source called `source` is meant. The root of a source has the source's name.
    package func matches(_ path: [UInt8], of source: String) -> Bool {
        let names = path.split(separator: 0x2F).map { Array($0) }
        let all = [Array(source.utf8)] + names
        return isOfNames ? glob.matches([all[all.count - 1]]) : glob.matches(all)
    }
}
