internal import Documents
package import Keyrings

/// Says of each value in a document what the rules and its token say, and why it doesn't open where it doesn't.
package struct Explainer {
    /// What is known of one value.
    package struct Value: Sendable {
        /// Whether it opens for the caller.
        package enum Opening: Sendable {
            /// It is no token, or no key was given.
            case untried
            /// It opens where it stands.
            case opens
            /// It was sealed for another place, in words, that it was found at.
            case validElsewhere(String)
            /// It doesn't open, for this reason.
            case fails(String)
        }

        /// The line, from 1.
        package let line: Int
        /// The key path as people write it.
        package let keyPath: String
        /// Whether the rule selects it.
        package let isSelected: Bool
        /// Whether a token stands there.
        package let isSealed: Bool
        /// Environment and epoch of the token; nil where there is none or it is malformed.
        package let sealedTo: (environment: String, epoch: UInt64)?
        /// The scope, `o`, `f`, `e` or `n-<name>`: the token's, else the one that sealing would give.
        package let scope: String?
        /// The place that a token here is bound to, in words.
        package let place: String?
        /// Whether the token opens.
        package let opening: Opening
    }

    private let rules: Rules
    private let keyring: OpenedKeyring?

    /// An explainer of the rules; where there is a `keyring`, tokens are tried.
    package init(rules: Rules, keyring: OpenedKeyring?) {
        self.rules = rules
        self.keyring = keyring
    }

    /// What is known of the values in `bytes` at `path` that are sealed or selected; of the value at `keyPath`, whatever
    /// it is, where that is given. `elsewhere` gives other places that a token was found at.
    ///
    /// Throws as reading the document does, and `keyPath` where nothing stands there.
    package func explain(
        _ bytes: [UInt8], path: [UInt8], keyPath: [UInt8]? = nil,
        in selector: DocumentSealer.DocumentSelector = .any, elsewhere: (_ token: [UInt8]) -> [TokenPlace]
    ) throws(SealingError) -> [Value] {
        let rule = rules.rule(for: path)
        let known = try rule.map { (rule) throws(SealingError) in try SealableFormat.format(of: path, rule) }
        guard let format = (known ?? nil) ?? DocumentFormat(path: path) else { return [] }
        let placed = try PlacedDocument(bytes, format: format, path: path, rule)
        let selected = Set(
            try rule.map { (rule) throws(SealingError) in try placed.selected(by: rule) } ?? [])
        var indices = placed.slots.indices.filter { placed.slots[$0].isSealed || selected.contains($0) }
        if let keyPath {
            do throws(DocumentError) {
                let found = try DocumentSealer.find(SlotPath(parsing: keyPath), selector, in: placed.document)
                guard let slot = found.slot, let index = placed.slots.firstIndex(of: slot) else {
                    throw DocumentError(.notFound, context: "nothing stands at this key path")
                }
                indices = [index]
            } catch {
                throw SealingError(error, path: path)
            }
        }
        return indices.map { value($0, placed, rule, isSelected: selected.contains($0), elsewhere) }
    }

    private func value(
        _ index: Int, _ placed: PlacedDocument, _ rule: Rule?, isSelected: Bool,
        _ elsewhere: ([UInt8]) -> [TokenPlace]
    ) -> Value {
        let slot = placed.slots[index]
        var coordinates: Coordinates?
        var token: SealedToken?
        var opening = Value.Opening.untried
        do throws(SealingError) {
            if slot.isSealed {
                let sealed = try placed.token(at: index)
                token = sealed
                coordinates = try placed.coordinates(
                    at: index, sealed.scope, namespace: rule?.namespace, in: rules)
                opening = try self.opening(sealed, coordinates, elsewhere)
            } else if let rule, isSelected {
                coordinates = try placed.coordinates(at: index, sealingUnder: rule, in: rules)
            }
        } catch {
            opening = .fails(error.context)
        }
        return Value(
            line: slot.line, keyPath: placed.keyPath(index), isSelected: isSelected, isSealed: slot.isSealed,
            sealedTo: token.map { ($0.environment, $0.epoch) },
            scope: token?.scope.text ?? coordinates?.scope.text,
            place: coordinates.map { placed.words(at: index, $0, namespace: rule?.namespace) },
            opening: opening)
    }

    private func opening(
        _ token: SealedToken, _ coordinates: Coordinates?, _ elsewhere: ([UInt8]) -> [TokenPlace]
    ) throws(SealingError) -> Value.Opening {
        guard let keyring, let coordinates else { return .untried }
        _ = try SealedValue.identity(for: token, in: keyring)
        guard !opens(token, keyring, coordinates) else { return .opens }
        for place in elsewhere(token.text) where opens(token, keyring, place.coordinates) {
            return .validElsewhere(place.words)
        }
        return .fails("moved here from a place that is not known, altered, or sealed to another key")
    }

    private func opens(_ token: SealedToken, _ keyring: OpenedKeyring, _ coordinates: Coordinates) -> Bool {
        do {
            _ = try SealedValue.open(token, with: keyring, at: coordinates)
            return true
        } catch { return false }
    }
}
