/// Which pieces are in use: 8 bytes of each id in one flat table, so that ten million take 128 MiB.
///
/// Two pieces with the same 8 bytes count as one: what is in use is found in use in any case, and at worst a piece that
/// isn't (one in 10¹², by chance) stays.
struct LiveSet: Sendable {
    private var slots: [UInt64]
    private var count = 0
    /// Which slots were found to have a place, a bit each.
    private var placed: [UInt64] = []

    /// An empty set with room for `count` ids.
    init(capacity count: Int) {
        var size = 1024
        while size / 3 * 2 < count { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
    }

    /// The 8 bytes of an id; never 0.
    static func key(_ keyNumber: UInt32, _ hash: Digest) -> UInt64 {
        let key = hash.words.0 ^ UInt64(keyNumber) &* 0x9E37_79B9_7F4A_7C15
        return key == 0 ? 1 : key
    }

    /// Adds a key. Returns whether it is new.
    @discardableResult
    mutating func insert(_ key: UInt64) -> Bool {
        if count >= slots.count / 3 * 2 { grow() }
        let slot = slot(of: key)
        guard slots[slot] == 0 else { return false }
        slots[slot] = key
        count += 1
        return true
    }

    /// Whether the key is in use.
    func contains(_ key: UInt64) -> Bool { slots[slot(of: key)] != 0 }

    /// Forgets which have a place.
    mutating func clearPlaces() {
        placed = [UInt64](repeating: 0, count: (slots.count + 63) / 64)
    }

    /// Notes that the key has a place, if it is in use. Returns whether it is. After `clearPlaces`.
    mutating func place(_ key: UInt64) -> Bool {
        let slot = slot(of: key)
        guard slots[slot] != 0 else { return false }
        placed[slot / 64] |= 1 << UInt64(slot % 64)
        return true
    }

    /// How many that are in use have no place.
    var unplacedCount: Int { count - placed.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Where the key is, or would be: it is a hash already.
    private func slot(of key: UInt64) -> Int {
        let mask = slots.count - 1
        // The high bits choose: ids are sorted by them elsewhere, and low ones decide cuts.
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while slots[slot] != 0, slots[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for key in old where key != 0 { slots[slot(of: key)] = key }
    }
}
