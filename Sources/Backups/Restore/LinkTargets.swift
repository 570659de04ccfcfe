internal import Archives

/// Hard links in a restore or export of a part of a tree: the file that one names may lie outside of the part.
struct LinkTargets {
    /// What is restored: sorted, none beneath another.
    let prefixes: [[UInt8]]
    // The first restored name of a file outside.
    private var standIns: [[UInt8]: [UInt8]] = [:]

    /// A part of what is at `paths` and beneath them; everything where there is none.
    init(_ paths: [[UInt8]]) {
        var kept: [[UInt8]] = []
        for path in (paths.isEmpty ? [[]] : paths).sorted(by: PathOrder.precedes) {
            if let last = kept.last, PathOrder.contains(last, path) { continue }
            kept.append(path)
        }
        prefixes = kept
    }

    /// Whether a path is in the part.
    func isWithin(_ path: [UInt8]) -> Bool { prefixes.contains { PathOrder.contains($0, path) } }

    /// What the entry at `path`, another name of `target` outside, is restored as: the file itself the first time.
    mutating func kind(
        of path: [UInt8], linkedTo target: [UInt8], _ root: NodeID, _ reader: StoreReader
    ) async throws -> Entry.Kind {
        if let standIn = standIns[target] { return .hardLink(standIn) }
        guard let found = try await reader.entry(at: target, of: root), found.content != nil else {
            return .hardLink(target)
        }
        standIns[target] = path
        return found.kind
    }
}
