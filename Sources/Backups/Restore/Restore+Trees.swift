internal import Archives
internal import Encodings
internal import Files

// What of a tree is restored, entry by entry, past what the store has lost.

extension Restore {
    /// Restores the entries beneath `prefixes` (all where there is none) and the directories above them. Entries of
    /// a plain tree have no owner and no time of their own: they get the user's and the snapshot's.
    func tree(
        _ prefixes: [[UInt8]], _ root: NodeID, into directory: consuming Directory, isPlain: Bool,
        _ earlier: EarlierFiles, _ report: inout RestoreReport.Source
    ) async throws {
        var restorer = TreeRestorer(
            into: directory, as: user, from: reader, options: options.tree, earlier: earlier)
        do {
            try await fill(prefixes, root, &restorer, isPlain: isPlain)
            try await restorer.finish()
        } catch {
            await restorer.abandon()
            throw error
        }
        report.entryCount = restorer.entryCount
        report.byteCount = restorer.byteCount
        report.issues = restorer.issues
    }

    private func fill(
        _ prefixes: [[UInt8]], _ root: NodeID, _ restorer: inout TreeRestorer, isPlain: Bool
    ) async throws {
        var links = LinkTargets(prefixes)
        var made: Set<[UInt8]> = []
        var found: [Entry] = []
        for prefix in links.prefixes {
            for ancestor in prefix.ancestors where made.insert(ancestor).inserted {
                do throws(ArchiveError) {
                    guard let entry = try await reader.entry(at: ancestor, of: root) else { continue }
                    found.append(isPlain ? plain(entry) : entry)
                } catch {
                    guard error.isDamage else { throw error }
                    restorer.miss(.init(firstPath: ancestor, entryCount: 1), because: error)
                }
                for entry in found { try await restorer.restore(entry) }
                found = []
            }
            var cursor = reader.entries(of: root, under: prefix)
            while true {
                try Task.checkCancellation()
                var next: Entry?
                do throws(ArchiveError) {
                    next = try await cursor.next()
                } catch {
                    guard error.isDamage else { throw error }
                    restorer.miss(cursor.unread, because: error)
                    continue
                }
                guard let next else { break }
                try await restore(isPlain ? plain(next) : next, root, &links, &restorer)
            }
        }
    }

    private func restore(
        _ entry: Entry, _ root: NodeID, _ links: inout LinkTargets, _ restorer: inout TreeRestorer
    ) async throws {
        var entry = entry
        if case .hardLink(let target) = entry.kind, !links.isWithin(target) {
            do {
                entry.kind = try await links.kind(of: entry.path, linkedTo: target, root, reader)
            } catch let error as ArchiveError where error.isDamage {
                return restorer.miss(.init(firstPath: entry.path, entryCount: 1), because: error)
            }
        }
        try await restorer.restore(entry)
    }

    private func plain(_ entry: Entry) -> Entry {
        var entry = entry
        (entry.userID, entry.groupID) = (user.user, user.group)
        if entry.modifiedSeconds == 0, entry.modifiedNanoseconds == 0 {
            let time = snapshot.record.header.time
            entry.modifiedSeconds = time.seconds
            entry.modifiedNanoseconds = UInt32(time.nanoseconds - time.seconds * 1_000_000_000)
        }
        return entry
    }
}
