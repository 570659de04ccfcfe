internal import Documents

/// A place that a token was found at: the coordinates there, and the same for people.
package struct TokenPlace: Hashable, Sendable {
    /// What a token that was sealed for the place is bound to.
    let coordinates: Coordinates
    /// The place in words: file, object, key path.
    package let words: String

    /// The tokens of the file `bytes` as it stands, or stood, at `path` under `rules`, each with its place there.
    /// Nothing where the file can't be read.
    package static func all(
        in bytes: [UInt8], path: [UInt8], rules: Rules
    ) -> [(token: [UInt8], place: TokenPlace)] {
        guard SealedToken.containsMark(bytes), let format = DocumentFormat(path: path),
            let placed = try? PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        else { return [] }
        let namespace = rules.rule(for: path)?.namespace
        return placed.slots.indices.compactMap { index in
            guard placed.slots[index].isSealed, let token = try? placed.token(at: index),
                let coordinates = try? placed.coordinates(
                    at: index, token.scope, namespace: namespace, in: rules)
            else { return nil }
            let words = placed.words(at: index, coordinates, namespace: namespace)
            return (token.text, TokenPlace(coordinates: coordinates, words: words))
        }
    }
}

extension PlacedDocument {
    /// The `coordinates` of the value at `index` in words; an object without a namespace is in `namespace`.
    func words(at index: Int, _ coordinates: Coordinates, namespace: [UInt8]?) -> String {
        let place = places[index]
        let keyPath = place.path.text
        switch coordinates.scope {
        case .environment: return "anywhere"
        case .named(let name): return "the allowed places of the name \(name)"
        case .object:
            guard let object = place.object else { return keyPath }
            return "\(PlacedDocument.words(object, namespace: namespace)), \(keyPath)"
        case .file:
            var words = SealingError.text(path)
            if let object = place.object, place.isObjectUnique {
                words += ", \(PlacedDocument.words(object, namespace: nil))"
            } else {
                if document.documentCount > 1 { words += ", document \(place.document)" }
                if let item = place.item { words += ", item \(item)" }
            }
            return "\(words), \(keyPath)"
        }
    }

    /// The object in words: kind, namespace and name.
    static func words(_ object: KubernetesObject, namespace: [UInt8]?) -> String {
        let kind = (object.group.isEmpty ? [] : object.group + [0x2F]) + object.kind
        let space = (object.namespace ?? namespace).map { $0 + [0x2F] } ?? []
        return SealingError.text(kind + [0x20] + space + object.name)
    }
}
