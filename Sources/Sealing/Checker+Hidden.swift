internal import Documents
internal import Sodium

// Plaintext that a rule without selectors means and can't select: in lists of another kind, and in files whose names say
// no format.
extension Checker {
    /// Notes Secrets in lists that Kubernetes takes apart and sealing does not: of a kind other than `List`
    /// (`SecretList`), and in a list inside a list.
    mutating func checkLists(_ placed: PlacedDocument, _ rule: Rule) {
        guard !rule.choosesBySelectors, placed.document.format.holdsObjects else { return }
        for found in placed.secretsInOtherLists() {
            note(
                placed.path, .plaintext, line: found.line, keyPath: found.keyPath, isRefused: rule.isRequired,
                "plaintext of a Secret in a list whose values can't be sealed: write documents of their own, or kind: List"
            )
        }
    }

    /// Notes what looks like a secret in the file `bytes` at `path`, which has no format, under a `rule` that requires
    /// what is secret sealed. Plain text is none. The name may tell a format before its last ending (`a.yaml.j2`), or the
    /// whole content be one.
    mutating func checkUnknown(_ bytes: [UInt8], path: [UInt8], _ rule: Rule) throws(SealingError) {
        guard rule.isRequired, !SecretScan.isExempt(path, keyrings: rules.keyrings) else { return }
        if let finding = SecretScan.findings(in: bytes, path: path).first {
            return note(
                path, .plaintext, line: finding.line, isRefused: true,
                "\(finding.reason), in a file whose values can't be sealed; the rule requires it: use sealed: file"
            )
        }
        if let format = Checker.innerFormat(of: path) {
            let isSealable = format == .dotenv || format.holdsObjects
            guard isSealable, !bytes.isEmpty else { return }
            let placed: PlacedDocument
            do throws(SealingError) {
                placed = try PlacedDocument(bytes, format: format, path: path, rule)
            } catch {
                return note(
                    path, .plaintext, isRefused: true,
                    "a \(format.rawValue) document by its name that can't be read; the rule requires it: use sealed: file"
                )
            }
            return try noteUnsealable(placed, rule)
        }
        guard bytes.count <= SecretScan.byteLimit, !bytes.prefix(8_192).contains(0) else { return }
        // Dotenv takes many a text, there each line must be an assignment; and YAML takes those for one long scalar.
        let isDotenv = Checker.consistsOfAssignments(bytes)
        for format in isDotenv ? [DocumentFormat.dotenv] : [.json, .yaml] {
            guard let placed = try? PlacedDocument(bytes, format: format, path: path, rule) else { continue }
            return try noteUnsealable(placed, rule)
        }
    }

    private mutating func noteUnsealable(_ placed: PlacedDocument, _ rule: Rule) throws(SealingError) {
        if let index = try placed.selected(by: rule).first(where: { !placed.slots[$0].isSealed }) {
            note(
                placed.path, .plaintext, line: placed.slots[index].line, keyPath: placed.keyPath(index),
                isRefused: true, SealableFormat.unsealableType)
        }
        checkLists(placed, rule)
    }

    /// The format that a name tells without one or more of its last endings; nil where none does.
    private static func innerFormat(of path: [UInt8]) -> DocumentFormat? {
        var rest = path[...]
        let start = path.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0
        while let dot = rest.lastIndex(of: 0x2E), dot > start {
            rest = rest[..<dot]
            if let format = DocumentFormat(path: Array(rest)) { return format }
        }
        return nil
    }

    /// Whether `bytes` hold an assignment, and nothing but assignments to upper-case names and comments.
    private static func consistsOfAssignments(_ bytes: [UInt8]) -> Bool {
        var found = false
        for line in bytes.split(separator: 0x0A) {
            var text = line.drop { $0 == 0x20 || $0 == 0x09 }
            guard let first = text.first, first != 0x23, first != 0x0D else { continue }
            if text.starts(with: "export ".utf8) { text = text.dropFirst("export ".utf8.count) }
            let name = text.prefix { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
            guard !name.isEmpty, text.dropFirst(name.count).first == 0x3D else { return false }
            found = true
        }
        return found
    }
}

extension PlacedDocument {
    /// Plaintext under `data` and `stringData` of Secrets in lists that `places` takes for no lists: by the kind of the
    /// item, or, where that has none, of the list.
    fileprivate func secretsInOtherLists() -> [(line: Int, keyPath: String)] {
        /// A mapping of the text.
        struct Holder: Hashable {
            let document: Int
            let item: Int?
            let path: ArraySlice<SlotPath.Component>
        }
        var kinds: [Holder: [UInt8]] = [:]
        var values: [(line: Int, keyPath: String, place: SlotPlace)] = []
        func take(_ slot: Slot, _ place: SlotPlace, _ line: Int) {
            guard !slot.isSealed, case .key(let key)? = place.path.components.last else { return }
            if key == Array("kind".utf8) {
                let holder = Holder(
                    document: place.document, item: place.item, path: place.path.components.dropLast())
                let kind = document.withValue(of: slot) { $0.byteCount <= 64 ? $0.array : [] }
                if kinds[holder] != Array("Secret".utf8) { kinds[holder] = kind }
            }
            let parts = place.path.components.suffix(4)
            guard parts.count == 4, parts[parts.startIndex] == .key(Array("items".utf8)),
                case .key(let field) = parts[parts.startIndex + 2],
                field == Array("data".utf8) || field == Array("stringData".utf8)
            else { return }
            values.append((line, place.path.text, place))
        }
        for (slot, place) in zip(slots, places) { take(slot, place, slot.line) }
        document.forEachValueMetElsewhere { slot, place, line in take(slot, place, line) }
        return values.compactMap { value in
            func kind(_ count: Int) -> [UInt8]? {
                kinds[
                    Holder(
                        document: value.place.document, item: value.place.item,
                        path: value.place.path.components.dropLast(count))]
            }
            let isSecret =
                switch kind(2) {
                case let item?: item == Array("Secret".utf8)
                case nil: kind(4) == Array("SecretList".utf8)
                }
            return isSecret ? (value.line, value.keyPath) : nil
        }
    }
}
