internal import Documents

/// Walks three versions of a document side by side and writes the merged text.
struct EntryMerger {
    private typealias Identity = DocumentOutline.Identity
    private typealias Entry = DocumentOutline.Entry
    private typealias Collection = DocumentOutline.Collection

    private let base: DocumentOutline?
    private let ours: DocumentOutline
    private let theirs: DocumentOutline
    /// What is written so far.
    private(set) var text = MergedText()
    /// The places where both sides changed something.
    private(set) var conflicts: [[DocumentOutline.Identity]] = []
    /// Those of them where all that is below belongs to the conflict.
    private var wholes: Set<[DocumentOutline.Identity]> = []

    init(base: DocumentOutline?, ours: DocumentOutline, theirs: DocumentOutline) {
        self.base = base
        self.ours = ours
        self.theirs = theirs
    }

    /// Merges the documents. Throws `unsupported`.
    mutating func run() throws(DocumentError) {
        try merge(base?.stream, ours.stream, theirs.stream, at: [])
    }

    /// What each key path has to hold in the result, with the conflicts given to one side or the other. Throws
    /// `unsupported` where both sides changed a place that no conflict was noted for.
    func expectations() throws(DocumentError) -> (
        ours: [[DocumentOutline.Identity]: DocumentOutline.Leaf],
        theirs: [[DocumentOutline.Identity]: DocumentOutline.Leaf]
    ) {
        let (old, left, right) = (base?.leaves ?? [:], ours.leaves, theirs.leaves)
        let disputed = Set(conflicts)
        func isInConflict(_ path: [DocumentOutline.Identity]) -> Bool {
            disputed.contains(path)
                || (!wholes.isEmpty && path.indices.contains { wholes.contains(Array(path[..<$0])) })
        }
        var (forOurs, forTheirs) = (left, right)
        for path in Set(left.keys).union(right.keys) where !isInConflict(path) {
            let (mine, their) = (left[path], right[path])
            let agreed: DocumentOutline.Leaf?
            if mine == their || their == old[path] {
                agreed = mine
            } else if mine == old[path] {
                agreed = their
            } else {
                throw DocumentError(.unsupported, context: "both sides changed one place")
            }
            forOurs[path] = agreed
            forTheirs[path] = agreed
        }
        return (forOurs, forTheirs)
    }
}

// MARK: - Pieces

extension EntryMerger {
    /// What both sides come to; nil where both changed it.
    private static func agreed<Value: Equatable>(_ old: Value?, _ mine: Value, _ their: Value) -> Value? {
        if mine == their || their == old { return mine }
        return mine == old ? their : nil
    }

    private mutating func merge(
        _ old: ArraySlice<UInt8>?, _ mine: ArraySlice<UInt8>, _ their: ArraySlice<UInt8>,
        at path: [DocumentOutline.Identity]
    ) {
        if let agreed = Self.agreed(old, mine, their) { return text.append(agreed) }
        text.append(ours: mine, theirs: their)
        if conflicts.last != path { conflicts.append(path) }
    }

    /// Leaves the whole of an entry to people.
    private mutating func leave(
        _ mine: ArraySlice<UInt8>?, _ their: ArraySlice<UInt8>?, at path: [DocumentOutline.Identity]
    ) {
        text.append(ours: mine ?? [], theirs: their ?? [])
        conflicts.append(path)
        wholes.insert(path)
    }

    private mutating func merge(
        _ old: DocumentOutline.Entry?, _ mine: DocumentOutline.Entry, _ their: DocumentOutline.Entry,
        at path: [DocumentOutline.Identity]
    ) throws(DocumentError) {
        let (left, right) = (ours.bytes, theirs.bytes)
        func before(_ range: KeyPath<Entry, Range<Int>>) -> ArraySlice<UInt8>? {
            guard let old, let base else { return nil }
            return base.bytes[old[keyPath: range]]
        }
        if let agreed = Self.agreed(before(\.range), left[mine.range], right[their.range]) {
            return text.append(agreed)
        }
        switch (mine.content, their.content) {
        case (.leaf(let mineRange), .leaf(let theirRange)):
            merge(before(\.lead), left[mine.lead], right[their.lead], at: path)
            merge(before(\.head), left[mine.head], right[their.head], at: path)
            var oldText: ArraySlice<UInt8>?
            if let old, let base, case .leaf(let range) = old.content { oldText = base.bytes[range] }
            merge(oldText, left[mineRange], right[theirRange], at: path)
            merge(before(\.tail), left[mine.tail], right[their.tail], at: path)
        case (.collection(let mineInner), .collection(let theirInner))
        where mineInner.kind == theirInner.kind && mineInner.isFlow == theirInner.isFlow:
            var oldInner: Collection?
            if let old, case .collection(let inner) = old.content, inner.kind == mineInner.kind,
                inner.isFlow == mineInner.isFlow
            {
                oldInner = inner
            }
            merge(before(\.lead), left[mine.lead], right[their.lead], at: path)
            merge(before(\.head), left[mine.head], right[their.head], at: path)
            try merge(oldInner, mineInner, theirInner, at: path)
            merge(before(\.tail), left[mine.tail], right[their.tail], at: path)
        default:
            leave(left[mine.range], right[their.range], at: path)
        }
    }
}

// MARK: - Collections

extension EntryMerger {
    private mutating func merge(
        _ old: DocumentOutline.Collection?, _ mine: DocumentOutline.Collection,
        _ their: DocumentOutline.Collection, at path: [DocumentOutline.Identity]
    ) throws(DocumentError) {
        let order = try Self.order(old, mine, their)
        let (before, left, right) = (
            old?.byIdentity ?? [:], mine.byIdentity, their.byIdentity
        )
        func oldText(_ range: KeyPath<Collection, Range<Int>>) -> ArraySlice<UInt8>? {
            guard let old, let base else { return nil }
            return base.bytes[old[keyPath: range]]
        }
        merge(oldText(\.open), ours.bytes[mine.open], theirs.bytes[their.open], at: path)
        var isFirst = true
        for identity in order {
            let place = path + [identity]
            let (mineText, theirText) = (
                left[identity].map { ours.bytes[$0.range] }, right[identity].map { theirs.bytes[$0.range] }
            )
            let wasText = before[identity].flatMap { entry in base?.bytes[entry.range] }
            // Taken out by the side that doesn't have it; the other left it as it was.
            if wasText != nil, mineText == nil || theirText == nil, (mineText ?? theirText) == wasText {
                continue
            }
            if mine.isFlow, !isFirst { text.append([UInt8(ascii: ",")]) }
            isFirst = false
            if let mineEntry = left[identity], let theirEntry = right[identity] {
                try merge(before[identity], mineEntry, theirEntry, at: place)
            } else if wasText == nil {
                text.append(mineText ?? theirText ?? [])
            } else {
                guard !mine.isFlow else {
                    throw DocumentError(.unsupported, context: "an entry in brackets, taken out and changed")
                }
                leave(mineText, theirText, at: place)
            }
        }
        merge(oldText(\.close), ours.bytes[mine.close], theirs.bytes[their.close], at: path)
    }

    /// Every entry of the two sides, in the order in which they stand in the result.
    private static func order(
        _ old: DocumentOutline.Collection?, _ mine: DocumentOutline.Collection,
        _ their: DocumentOutline.Collection
    ) throws(DocumentError) -> [DocumentOutline.Identity] {
        let (left, right) = (mine.entries.map(\.identity), their.entries.map(\.identity))
        let before = old?.entries.map(\.identity) ?? []
        let hasPlaces = (left + right + before).contains { $0.isPositional }
        guard !hasPlaces || (left == right && left == before) else {
            throw DocumentError(
                .unsupported, context: "both sides changed a list whose elements have no names")
        }
        guard left != right else { return left }
        let common = Set(left).intersection(right).intersection(before)
        let orders = [before, left, right].map { list in list.filter { common.contains($0) } }
        if orders[1] == orders[0] || orders[1] == orders[2] {
            return orders[1] == orders[2] ? woven(left, right) : woven(right, left)
        }
        guard orders[2] == orders[0] else {
            throw DocumentError(.unsupported, context: "both sides moved entries")
        }
        return woven(left, right)
    }

    /// `first` with what only `second` has: each behind the entry that it stands behind there, and behind what
    /// `first` has put in the same place.
    private static func woven(
        _ first: [DocumentOutline.Identity], _ second: [DocumentOutline.Identity]
    ) -> [DocumentOutline.Identity] {
        let (known, other) = (Set(first), Set(second))
        // What comes behind each entry of `first`; nil stands for the beginning.
        var added: [DocumentOutline.Identity?: [DocumentOutline.Identity]] = [:]
        var anchor: DocumentOutline.Identity?
        for identity in second {
            if known.contains(identity) {
                anchor = identity
            } else {
                added[anchor, default: []].append(identity)
            }
        }
        var result: [DocumentOutline.Identity] = []
        var pending = added[nil] ?? []
        for identity in first {
            if other.contains(identity) {
                result += pending
                pending = added[identity] ?? []
            }
            result.append(identity)
        }
        return result + pending
    }
}

extension DocumentOutline.Collection {
    /// The entries by what tells them apart.
    fileprivate var byIdentity: [DocumentOutline.Identity: DocumentOutline.Entry] {
        Dictionary(entries.map { ($0.identity, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
