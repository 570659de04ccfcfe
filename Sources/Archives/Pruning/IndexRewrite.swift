import Sodium
import Storage

/// Writes index objects anew without packs that go, then removes the old ones. New objects are durable, and read back,
/// before an old one goes; in between, both say the same of what stays.
struct IndexRewrite {
    private let keys: OpenedWrite
    private let signing: SigningContext
    private let lease: SessionLease
    /// How many objects were written.
    private(set) var writtenCount = 0
    private var packs: [IndexObject.Pack] = []
    private var positions: [PackName: Int] = [:]
    private var groups: [GroupKey: [IndexObject.Row]] = [:]
    private var rowCount = 0
    // Packs whose rows come from their own headers.
    private var headers: [PackName: IndexedPack] = [:]

    private struct GroupKey: Hashable {
        let kind: PackKind
        let keyNumber: UInt32
    }

    /// Rows of one object: 48 MiB.
    private static let rowLimit = 1 << 20
    /// Objects of fewer rows are small, and so many of them are merged.
    private static let smallRowCount = 1 << 16
    private static let smallObjectLimit = 16

    /// A rewrite under the caller's lease.
    init(_ keys: OpenedWrite, _ signing: SigningContext, _ lease: SessionLease) {
        self.keys = keys
        self.signing = signing
        self.lease = lease
    }

    /// Writes the index objects of packs that are in none. Throws `storage`.
    mutating func add(_ added: [IndexedPack]) async throws(ArchiveError) {
        guard !added.isEmpty else { return }
        try await put(IndexObject(of: added))
    }

    /// Rewrites those objects of `index` that name a pack of `dropped`, and small ones where they are many.
    mutating func drop(_ dropped: Set<PackName>, from index: PruneIndex) async throws(ArchiveError) {
        let affected = index.objects.filter { object in
            object.packs.contains { dropped.contains(index.packs[Int($0)].name) }
        }
        var small = index.objects.filter { object in
            object.rowCount < IndexRewrite.smallRowCount && isTrusted(object.signer)
        }
        if small.count < IndexRewrite.smallObjectLimit { small = [] }
        var chosen: [ObjectName] = []
        for object in affected + small where !chosen.contains(object.name) { chosen.append(object.name) }
        guard !chosen.isEmpty else { return }
        for name in chosen {
            try lease.check()
            let (object, signer) = try await IndexCatalog.read(name, with: keys)
            if rowCount > 0,
                rowCount + object.groups.reduce(0, { $0 + $1.rows.count }) > IndexRewrite.rowLimit
            {
                try await flush()
            }
            try await collect(object, signer, without: dropped, index)
        }
        try await flush()
        for name in chosen {
            try lease.check()
            try await keys.store.objects.discard(name)
        }
    }

    /// Whether an agent's word is taken for rows of packs that it didn't make: it has looked at the headers itself.
    private func isTrusted(_ signer: [UInt8]) -> Bool {
        guard let agent = keys.store.config.agent(signer),
            let own = keys.store.config.agent(signing.agent.publicKey)
        else { return false }
        return agent.powers.isSuperset(of: [.add, .prune]) && agent.trustGroup == own.trustGroup
            || agent.publicKey == own.publicKey
    }

    /// Takes over the rows of all packs but those. What an agent says of another's pack is taken from the pack's header:
    /// under the name of this one it would count for more than it did.
    private mutating func collect(
        _ object: IndexObject, _ signer: AgentRecord, without dropped: Set<PackName>, _ index: PruneIndex
    ) async throws(ArchiveError) {
        var targets: [Int?] = []
        for pack in object.packs {
            guard !dropped.contains(pack.name), positions[pack.name] == nil, headers[pack.name] == nil else {
                targets.append(nil)
                continue
            }
            let isContested = index.ordinals[pack.name].map { index.packs[Int($0)].isContested } ?? true
            if !isContested, pack.maker == signer.publicKey || isTrusted(signer.publicKey) {
                positions[pack.name] = packs.count
                targets.append(packs.count)
                packs.append(pack)
                continue
            }
            let header = try await PackReader.header(
                of: pack.name, byteCount: Int(index.present[pack.name] ?? pack.byteCount), with: keys)
            headers[pack.name] = header
            rowCount += header.header.groups.reduce(0) { $0 + $1.rows.count }
            targets.append(nil)
        }
        for group in object.groups {
            let key = GroupKey(kind: group.kind, keyNumber: group.keyNumber)
            for row in group.rows {
                guard let target = targets[Int(row.pack >> 8)] else { continue }
                groups[key, default: []].append(row.moved(to: target))
                rowCount += 1
            }
        }
    }

    private mutating func flush() async throws(ArchiveError) {
        let added = headers.values.sorted { $0.name < $1.name }
        if !packs.isEmpty {
            let sorted = groups.map { key, rows in
                IndexObject.Group(kind: key.kind, keyNumber: key.keyNumber, rows: rows)
            }
            groups = [:]
            try await put(IndexObject(packs: packs, groups: sorted))
        }
        if !added.isEmpty { try await put(IndexObject(of: added)) }
        (packs, positions, groups, headers, rowCount) = ([], [:], [:], [:], 0)
    }

    private mutating func put(_ object: IndexObject) async throws(ArchiveError) {
        try lease.check()
        let bytes = IndexCatalog.encode(object, in: signing)
        guard bytes.count <= ObjectPlace.indexByteLimit else {
            throw ArchiveError(.limitExceeded, "index: an object would be too long")
        }
        let name = try ObjectPlace.index.name(IndexName(Digest(hashing: bytes)))
        try await keys.store.objects.store(name, bytes)
        let readBack = try await keys.store.objects.fetch(name, limit: ObjectPlace.indexByteLimit)
        guard readBack == bytes else { throw ArchiveError.damaged("\(name): reads back as other bytes") }
        writtenCount += 1
    }
}

extension IndexObject {
    /// The index of `packs` in any order, whose rows name them by their position in this list.
    init(packs: [Pack], groups: [Group]) {
        let order = packs.indices.sorted { packs[$0].name < packs[$1].name }
        var positions = [Int](repeating: 0, count: packs.count)
        for (position, old) in order.enumerated() { positions[old] = position }
        self.init(
            supersedes: [], packs: order.map { packs[$0] },
            groups: groups.map { group in
                var rows = group.rows
                for index in rows.indices {
                    rows[index] = rows[index].moved(to: positions[Int(rows[index].pack >> 8)])
                }
                rows.sort(by: IndexObject.precedes)
                return Group(kind: group.kind, keyNumber: group.keyNumber, rows: rows)
            }
            .sorted { ($0.kind.rawValue, $0.keyNumber) < ($1.kind.rawValue, $1.keyNumber) })
    }
}

extension IndexObject.Row {
    /// The same row of the pack at another position.
    fileprivate func moved(to position: Int) -> IndexObject.Row {
        IndexObject.Row(
            hash: hash, pack: UInt32(position) << 8 | pack & 255, offset: offset,
            sealedByteCount: sealedByteCount, auxiliary: auxiliary)
    }
}
