internal import Documents
internal import Encodings

/// One place at which a token of a named scope may be opened (FORMAT.md §4.3): objects by
/// `group/kind/namespace/name/key`, with `*` for any run of bytes in each part, or `door:<verb>`.
package struct AllowedPlace: Hashable, Sendable, Comparable {
    /// The place as the rules write it: what tokens are bound to.
    package let text: String
    private let parts: [[UInt8]]
    private let keyPath: KeyPathGlob?

    private static let doorPrefix = "door:"

    /// The place of `text`. Throws `rules` where it is neither form.
    package init(_ text: String) throws(SealingError) {
        self.text = text
        guard !text.hasPrefix(Self.doorPrefix) else {
            let verb = text.utf8.dropFirst(Self.doorPrefix.utf8.count)
            guard (1...63).contains(verb.count), verb.allSatisfy({ SealedToken.isNameByte($0) }) else {
                throw SealingError(.rules, "a door is door:<verb>, in lower-case letters, digits and dashes")
            }
            parts = []
            keyPath = nil
            return
        }
        let parts = text.utf8.split(separator: 0x2F, maxSplits: 4, omittingEmptySubsequences: false)
            .map { Array($0) }
        let isComplete = parts.count == 5 && parts[1...].allSatisfy { !$0.isEmpty }
        guard isComplete, text.utf8.count <= 1_024, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw SealingError(
                .rules,
                "a place is group/kind/namespace/name/key, as /Secret/shop/db/password, or door:<verb>")
        }
        self.parts = parts
        keyPath = try? KeyPathGlob(String(decoding: parts[4], as: UTF8.self))
    }

    /// Whether this is the door `verb`.
    package func isDoor(_ verb: String) -> Bool { text == Self.doorPrefix + verb }

    /// Whether this allows the value at `path` of an object in `namespace`, which is empty where there is none: a
    /// Secret's entry by its key, another value by its key path.
    func allows(_ object: KubernetesObject, namespace: [UInt8], entry: [UInt8]?, path: SlotPath) -> Bool {
        guard parts.count == 5 else { return false }
        let facts = [object.group, object.kind, namespace, object.name]
        guard zip(parts, facts).allSatisfy({ Wildcard.matches($0, $1) }) else { return false }
        if let entry { return Wildcard.matches(parts[4], entry) }
        return keyPath?.matches(path) ?? false
    }

    /// By bytes: the order in which tokens are bound to them.
    package static func < (left: AllowedPlace, right: AllowedPlace) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

extension PlacedDocument {
    /// Throws `unsuitablePlace` unless the value at `index`, and every place at which an alias or merge key puts it,
    /// is among `places`. An object without a namespace is in `namespace`.
    func requireAllowed(at index: Int, _ places: [AllowedPlace], namespace: [UInt8]?) throws(SealingError) {
        func isAllowed(_ place: SlotPlace) -> Bool {
            guard let object = place.object else { return false }
            let entry = isSecret(place) ? SecretEntry(place.path)?.key : nil
            let space = object.namespace ?? namespace ?? []
            return places.contains {
                $0.allows(object, namespace: space, entry: entry, path: place.path)
            }
        }
        var isEverywhereAllowed = isAllowed(self.places[index])
        if slots[index].isAliasedOrMerged {
            document.forEachValueMetElsewhere { slot, place, _ in
                if slot == slots[index], !isAllowed(place) { isEverywhereAllowed = false }
            }
        }
        guard isEverywhereAllowed else {
            throw SealingError(
                .unsuitablePlace,
                "not among the places that the rule allows to the name: \(places.map(\.text).joined(separator: ", "))"
            )
        }
    }
}
