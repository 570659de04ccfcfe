/// The pieces that a session adds or has found, by 16 bytes of each id: some 28 bytes a piece, so that a first backup of ten
/// million chunks holds 300 MiB of them.
///
/// Two pieces with the same 16 bytes would count as one, and the second not be stored: ids are keyed hashes, and by chance
/// that happens to one of 2¹²⁸ pairs.
struct KnownPieces: Sendable {
    // Each table is small beside the whole, so that growing one needs little room at once.
    private var tables = [Table](repeating: Table(), count: 256)

    /// Adds a piece. Returns whether it is new.
    mutating func insert(_ piece: Node.Child) -> Bool {
        let key = Key(piece)
        return tables[key.table].insert(key)
    }

    /// Whether the piece is one of them.
    func contains(_ piece: Node.Child) -> Bool {
        let key = Key(piece)
        return tables[key.table].contains(key)
    }

    private struct Key: Equatable, Sendable {
        let high: UInt64
        let low: UInt64

        static let none = Key(high: 0, low: 0)

        init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// Never `none`.
        init(_ piece: Node.Child) {
            let (hash, salt): (Digest, UInt64) =
                switch piece {
                case .chunk(let id): (id.hash, UInt64(id.keyNumber) << 1)
                case .node(let id): (id.hash, UInt64(id.keyNumber) << 1 | 1)
                }
            high = hash.words.0
            low = (hash.words.1 ^ salt &* 0x9E37_79B9_7F4A_7C15) | (hash.words.0 == 0 ? 1 : 0)
        }

        var table: Int { Int(high >> 56) }
    }

    private struct Table: Sendable {
        private var slots: [Key] = []
        private var count = 0

        mutating func insert(_ key: Key) -> Bool {
            if count >= slots.count / 4 * 3 { grow() }
            let slot = slot(of: key)
            guard slots[slot] == .none else { return false }
            slots[slot] = key
            count += 1
            return true
        }

        func contains(_ key: Key) -> Bool { !slots.isEmpty && slots[slot(of: key)] != .none }

        /// Where the key is, or would be; hashes are spread evenly as they are.
        private func slot(of key: Key) -> Int {
            let mask = slots.count - 1
            var slot = Int(truncatingIfNeeded: key.high) & mask
            while slots[slot] != .none, slots[slot] != key { slot = (slot + 1) & mask }
            return slot
        }

        private mutating func grow() {
            let old = slots
            slots = [Key](repeating: .none, count: max(16, old.count * 2))
            for key in old where key != .none { slots[slot(of: key)] = key }
        }
    }
}
