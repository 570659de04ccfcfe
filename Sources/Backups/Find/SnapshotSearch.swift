package import Archives

/// Looks for entries in many snapshots.
package struct SnapshotSearch {
    /// An entry as some snapshots have it. A file of the same length, time and other facts counts as the same.
    package struct Version: Sendable {
        /// The source's name.
        package let source: String
        /// What the source is.
        package let kind: SourceKind
        /// The entry.
        package let entry: Entry
        /// The snapshots that have it like this, in the order in which they were looked through.
        package fileprivate(set) var snapshots: [SnapshotRecord]
    }

    /// What was found.
    package struct Outcome: Sendable {
        /// By source, path, and the snapshots' order.
        package var versions: [Version] = []
        /// Snapshots and parts of them that can't be read, in words: what they hold was not looked at.
        package var failures: [String] = []
    }

    private struct Place: Hashable {
        let kind: SourceKind
        let source: [UInt8]
        let path: [UInt8]
    }

    /// Every version of the entries that `pattern` means in `records`. A subtree that snapshots share is read once.
    /// Throws `store` where the store as a whole can't be read.
    package static func run(
        _ pattern: EntryPattern, in records: [SnapshotRecord], _ reader: StoreReader
    ) async throws(BackupError) -> Outcome {
        var outcome = Outcome()
        // What is wanted depends on the source's name: a search for each.
        var searches: [String: TreeSearch] = [:]
        var found: [Place: [Version]] = [:]
        do {
            for record in records {
                try Task.checkCancellation()
                let snapshot: Snapshot
                do throws(ArchiveError) {
                    snapshot = try await reader.open(record)
                } catch {
                    guard error.isDamage else { throw error }
                    outcome.failures.append("snapshot \(record.id): \(error.context)")
                    continue
                }
                for source in snapshot.sources where source.kind != .repository {
                    guard let root = source.root else { continue }
                    let name = source.name
                    var search =
                        searches[name] ?? TreeSearch(reader) { pattern.matches($0.path, of: name) }
                    let entries = try await search.entries(of: root)
                    searches[name] = search
                    for entry in entries {
                        // A command's one file has the source's name: it is the source itself.
                        let place = Place(kind: source.kind, source: Array(name.utf8), path: entry.path)
                        SnapshotSearch.add(entry, source, record, to: &found[place, default: []])
                    }
                }
            }
        } catch {
            throw BackupError.wrapping(error)
        }
        outcome.versions = found.sorted { left, right in
            guard left.key.source == right.key.source else {
                return left.key.source.lexicographicallyPrecedes(right.key.source)
            }
            guard left.key.path == right.key.path else {
                return PathOrder.precedes(left.key.path, right.key.path)
            }
            return left.key.kind.rawValue < right.key.kind.rawValue
        }.flatMap(\.value)
        outcome.failures += searches.values.flatMap(\.failures).map(\.context).sorted()
        return outcome
    }

    private static func add(
        _ entry: Entry, _ source: SnapshotSource, _ record: SnapshotRecord, to versions: inout [Version]
    ) {
        guard let known = versions.firstIndex(where: { $0.entry.isVersion(of: entry) }) else {
            versions.append(
                Version(source: source.name, kind: source.kind, entry: entry, snapshots: [record]))
            return
        }
        versions[known].snapshots.append(record)
    }
}

extension Entry {
    /// Whether all facts are those of `other`; of contents, which may be stored in several ways, the length.
    fileprivate func isVersion(of other: Entry) -> Bool {
        guard let left = content, let right = other.content else { return self == other }
        var same = other
        same.kind = kind
        return left.byteCount == right.byteCount && self == same
    }
}
