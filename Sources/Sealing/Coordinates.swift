package import Documents
internal import Encodings

/// The place that a token is bound to, as the bytes that are authenticated (FORMAT.md §4).
package struct Coordinates: Hashable, Sendable {
    /// The scope whose coordinates these are.
    package let scope: SealedToken.Scope
    /// The canonical bytes.
    package let bytes: [UInt8]

    private init(_ scope: SealedToken.Scope, _ writer: CanonicalWriter) {
        self.scope = scope
        bytes = writer.bytes
    }

    /// Scope `e`: no more than the environment, which every token is bound to.
    package static let environment = Coordinates(.environment, CanonicalWriter())

    /// Scope `o`: the Kubernetes object that will exist, and the value in it.
    ///
    /// - Parameters:
    ///   - object: The object.
    ///   - namespace: Its namespace: its own, else the rule's.
    ///   - path: The key path from the object's root.
    package static func object(
        _ object: KubernetesObject, namespace: [UInt8], path: SlotPath
    ) -> Coordinates {
        var writer = CanonicalWriter()
        writer.lp(object.group)
        writer.lp(object.kind)
        writer.lp(namespace)
        writer.lp(object.name)
        if object.isSecret, let entry = SecretEntry(path) {
            writer.uint8(1)
            writer.lp(entry.key)
            writer.uint8(entry.field.rawValue)
        } else {
            writer.uint8(2)
            write(path, to: &writer)
        }
        return Coordinates(.object, writer)
    }

    /// Scope `f`: repository, file, document and key path.
    ///
    /// - Parameters:
    ///   - repository: The id in the repository's rules.
    ///   - file: The path from the repository's root, without leading slash.
    ///   - place: Where the value stands in the file.
    package static func file(repository: RepositoryID, file: [UInt8], place: SlotPlace) -> Coordinates {
        var writer = CanonicalWriter()
        writer.lp(repository.bytes)
        writer.lp(file)
        if let object = place.object, place.isObjectUnique {
            writer.uint8(1)
            writer.lp(object.group)
            writer.lp(object.kind)
            writer.uint8(object.namespace == nil ? 0 : 1)
            if let namespace = object.namespace { writer.lp(namespace) }
            writer.lp(object.name)
        } else if let item = place.item {
            writer.uint8(3)
            writer.uint64(UInt64(place.document))
            writer.uint64(UInt64(item))
        } else {
            writer.uint8(2)
            writer.uint64(UInt64(place.document))
        }
        write(place.path, to: &writer)
        return Coordinates(.file, writer)
    }

    /// Scope `n-<name>`: the name and the places that the rule allows to it, sorted.
    package static func named(_ name: String, places: [AllowedPlace]) -> Coordinates {
        var writer = CanonicalWriter()
        writer.text(name)
        writer.count(places.count)
        for place in places { writer.text(place.text) }
        return Coordinates(.named(name), writer)
    }

    /// A counted list of tagged components: no two paths share an encoding (FORMAT.md §4.4).
    private static func write(_ path: SlotPath, to writer: inout CanonicalWriter) {
        writer.count(path.components.count)
        for component in path.components {
            switch component {
            case .key(let key):
                writer.uint8(1)
                writer.lp(key)
            case .named(let field, let value):
                writer.uint8(2)
                writer.text(field.rawValue)
                writer.lp(value)
            case .index(let index):
                writer.uint8(3)
                writer.uint64(UInt64(index))
            }
        }
    }
}

/// A key of a Kubernetes Secret, and how its value is written there.
struct SecretEntry: Hashable {
    /// The field of the Secret. The raw values are codes of FORMAT.md §4.1.
    enum Field: UInt8 {
        /// `data`: base64.
        case base64 = 1
        /// `stringData`: text.
        case text = 2
    }

    /// The field that holds the key.
    let field: Field
    /// The key.
    let key: [UInt8]

    /// The entry at `path` of a Secret, or nil where the path leads elsewhere.
    init?(_ path: SlotPath) {
        guard path.components.count == 2, case .key(let field) = path.components[0],
            case .key(let key) = path.components[1]
        else { return nil }
        switch field {
        case Array("data".utf8): self.field = .base64
        case Array("stringData".utf8): self.field = .text
        default: return nil
        }
        self.key = key
    }
}

extension KubernetesObject {
    /// Whether this is a Secret of the core group.
    var isSecret: Bool { group.isEmpty && kind == Array("Secret".utf8) }
}
