package import Archives
internal import Files
internal import Sodium

/// Compares two snapshots, source by source.
package struct SnapshotComparison: Sendable {
    private let reader: StoreReader

    /// A comparison of snapshots of one store.
    package init(_ reader: StoreReader) { self.reader = reader }

    /// Hands what differs between `old` and `new` to `body`: sources in order, entries in the order of their paths. With
    /// `source` that one alone, and of it what is at `path` and beneath. Equal subtrees are not read. Repositories are
    /// compared as one: changed where any ref or the facts are.
    ///
    /// A file counts as changed in content where its bytes are other ones, however they are stored. Throws `unknownSource`
    /// where neither has that source, `unknownPath` where neither has anything at `path`, `store`, `caller`.
    package func run(
        _ old: Snapshot, _ new: Snapshot, source: String? = nil, path: [UInt8] = [],
        _ body: (PlaceDifference) throws -> Void
    ) async throws(BackupError) {
        do {
            var isThere = path.isEmpty
            for (kind, name) in try sources(old, new, source) {
                let first = old.sources.first { $0.kind == kind && Array($0.name.utf8) == name }
                let second = new.sources.first { $0.kind == kind && Array($0.name.utf8) == name }
                if !isThere { isThere = try await has(path, [first, second]) }
                guard kind != .repository else {
                    try compare(repositories: first, second, body)
                    continue
                }
                var comparison = TreeComparison(first?.root, second?.root, under: path, reader)
                while let difference = try await comparison.next() {
                    try Task.checkCancellation()
                    let text = (first ?? second)?.name ?? ""
                    guard let told = try await told(difference, text, kind) else { continue }
                    try body(told)
                }
            }
            guard isThere else {
                throw BackupError(.unknownPath, "neither snapshot has \(Path(path)) in \(source ?? "")")
            }
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// Whether one of `sources` has an entry at `path`, or may have it where it can't be read.
    private func has(_ path: [UInt8], _ sources: [SnapshotSource?]) async throws -> Bool {
        for root in sources.compactMap({ $0?.root }) {
            do throws(ArchiveError) {
                if try await reader.entry(at: path, of: root) != nil { return true }
            } catch {
                guard error.isDamage else { throw error }
                return true
            }
        }
        return false
    }

    private func sources(
        _ old: Snapshot, _ new: Snapshot, _ name: String?
    ) throws(BackupError) -> [(kind: SourceKind, name: [UInt8])] {
        var found: [(kind: SourceKind, name: [UInt8])] = []
        let chosen =
            name.map { old.sources(called: $0) + new.sources(called: $0) } ?? (old.sources + new.sources)
        for source in chosen {
            let key = (kind: source.kind, name: Array(source.name.utf8))
            if !found.contains(where: { $0 == key }) { found.append(key) }
        }
        guard !found.isEmpty || name == nil else {
            throw BackupError(.unknownSource, "neither snapshot has a source \(name ?? "")")
        }
        return found.sorted {
            ($0.kind.rawValue, String(decoding: $0.name, as: UTF8.self))
                < ($1.kind.rawValue, String(decoding: $1.name, as: UTF8.self))
        }
    }

    private func compare(
        repositories first: SnapshotSource?, _ second: SnapshotSource?,
        _ body: (PlaceDifference) throws -> Void
    ) throws {
        guard first?.root != second?.root, let name = (first ?? second)?.name else { return }
        let change: PlaceDifference.Change =
            first?.root == nil ? .added : second?.root == nil ? .removed : .changed([.content])
        try body(
            PlaceDifference(
                source: name, kind: .repository, path: [], change: change, oldByteCount: first?.byteCount,
                newByteCount: second?.byteCount))
    }

    /// What is told of a difference; nil where there is none but in how a content is stored.
    private func told(
        _ difference: EntryDifference, _ source: String, _ kind: SourceKind
    ) async throws -> PlaceDifference? {
        switch difference {
        case .added(let entry):
            return PlaceDifference(
                source: source, kind: kind, path: entry.path, change: .added, oldByteCount: nil,
                newByteCount: entry.content?.byteCount)
        case .removed(let entry):
            return PlaceDifference(
                source: source, kind: kind, path: entry.path, change: .removed,
                oldByteCount: entry.content?.byteCount, newByteCount: nil)
        case .changed(let old, let new):
            var aspects = old.aspects(differingFrom: new)
            if let left = old.content, let right = new.content, left != right,
                left.byteCount == right.byteCount, try await digest(left) == digest(right)
            {
                aspects.removeAll { $0 == .content }
            }
            guard !aspects.isEmpty else { return nil }
            return PlaceDifference(
                source: source, kind: kind, path: new.path, change: .changed(aspects),
                oldByteCount: old.content?.byteCount, newByteCount: new.content?.byteCount)
        }
    }

    private func digest(_ content: Content) async throws -> [UInt8] {
        try await reader.digest(of: content)
    }
}

extension StoreReader {
    /// A hash of a content's bytes (BLAKE2b-256), holes as zeros.
    func digest(of content: Content) async throws -> [UInt8] {
        var hash = BLAKE2b.Stream()
        try await read(content) { bytes in
            hash.update(bytes)
        } hole: { byteCount in
            let block = [UInt8](repeating: 0, count: 64 << 10)
            var left = byteCount
            while left > 0 {
                let count = Int(min(left, UInt64(block.count)))
                hash.update(unsafe block.span.bytes.extracting(0..<count))
                left -= UInt64(count)
            }
        }
        return hash.finish()
    }
}
