internal import Documents
internal import Sodium

/// What other tools sealed, and only they open.
enum ForeignCiphertext: String {
    /// A value that SOPS encrypted.
    case sops = "SOPS"
    /// An object for the controller of SealedSecrets.
    case sealedSecret = "SealedSecret"

    /// What stands in a file of `format`; nil where there is none. A text that has the words of a SealedSecret and is no
    /// document counts as one, unless a program renders it first, whose output is searched.
    static func find(
        in text: RawSpan, _ format: DocumentFormat?, isRendered: Bool = false
    ) -> ForeignCiphertext? {
        if holds(text, "ENC[AES256_GCM,") { return .sops }
        guard let format, format.holdsObjects, holds(text, "SealedSecret"), holds(text, "bitnami.com/") else {
            return nil
        }
        return hasSealedSecret(text.array, format) ?? !isRendered ? .sealedSecret : nil
    }

    /// Whether a document, or an item of a list in it, is a SealedSecret; nil for what is no document.
    private static func hasSealedSecret(_ text: [UInt8], _ format: DocumentFormat) -> Bool? {
        guard let document = try? TextDocument(text, format: format, isSealed: { _ in false }) else {
            return nil
        }
        struct Unit: Hashable {
            let document: Int
            let item: Int?
        }
        var (groups, kinds): (Set<Unit>, Set<Unit>) = ([], [])
        for slot in document.slots {
            let place = document.place(of: slot)
            guard place.path.components.count == 1, case .key(let key) = place.path.components[0] else {
                continue
            }
            let unit = Unit(document: place.document, item: place.item)
            document.withValue(of: slot) { value in
                if key == Array("apiVersion".utf8), value.array.starts(with: Array("bitnami.com/".utf8)) {
                    groups.insert(unit)
                }
                if key == Array("kind".utf8), value.array == Array("SealedSecret".utf8) { kinds.insert(unit) }
            }
        }
        return !groups.isDisjoint(with: kinds)
    }

    private static func holds(_ text: RawSpan, _ word: String) -> Bool {
        let word = Array(word.utf8)
        guard text.byteCount >= word.count else { return false }
        for start in 0...(text.byteCount - word.count) where text[start] == word[0] {
            if word.indices.allSatisfy({ text[start + $0] == word[$0] }) { return true }
        }
        return false
    }
}
