internal import Documents
internal import Sodium

/// A text document with the place of each value, what a rule selects in it, and the coordinates that tokens there
/// are bound to (FORMAT.md §4, §6).
struct PlacedDocument {
    /// A document of the file, or an item of a Kubernetes list in it.
    private struct Unit: Hashable {
        let document: Int
        let item: Int?
    }

    /// The text.
    let document: TextDocument
    /// Its values, in the order of the text.
    let slots: [Slot]
    /// The place of each value.
    let places: [SlotPlace]
    /// The path from the repository's root.
    let path: [UInt8]
    /// Whether a renderer wrote the text, which puts line breaks into base64 as it pleases.
    let isRendered: Bool
    private let secrets: Set<Unit>
    /// Keys that stand both in `data` and in `stringData` of a Secret.
    private let doubled: Set<[UInt8]>

    /// Finds the places in `document`, which is the file at `path`, or what a renderer made.
    init(_ document: TextDocument, path: [UInt8], isRendered: Bool = false) {
        self.document = document
        self.path = path
        self.isRendered = isRendered
        slots = document.slots
        places = slots.map { document.place(of: $0) }
        guard document.format.holdsObjects else {
            (secrets, doubled) = ([], [])
            return
        }
        var kinds: [Unit: (isCore: Bool, isSecret: Bool)] = [:]
        func note(_ slot: Slot, _ place: SlotPlace) {
            guard !slot.isSealed, place.path.components.count == 1,
                case .key(let key) = place.path.components[0]
            else { return }
            let unit = Unit(document: place.document, item: place.item)
            if key == Array("apiVersion".utf8), document.holds(slot, "v1") {
                kinds[unit, default: (false, false)].isCore = true
            } else if key == Array("kind".utf8), document.holds(slot, "Secret") {
                kinds[unit, default: (false, false)].isSecret = true
            }
        }
        for (slot, place) in zip(slots, places) { note(slot, place) }
        // Readers that merge see a Secret where its kind comes by alias or merge, too.
        document.forEachValueMetElsewhere { slot, place, _ in note(slot, place) }
        let secrets = Set(kinds.filter { $0.value.isCore && $0.value.isSecret }.keys)
        self.secrets = secrets
        var fields: [[UInt8]: SecretEntry.Field] = [:]
        var doubled: Set<[UInt8]> = []
        for place in places where secrets.contains(Unit(document: place.document, item: place.item)) {
            guard let entry = SecretEntry(place.path) else { continue }
            let name = PlacedDocument.name(place, entry.key)
            if let field = fields[name], field != entry.field { doubled.insert(name) }
            fields[name] = entry.field
        }
        self.doubled = doubled
    }

    /// Reads the text at `path` as `format` and finds the places in it; `rule` says whether values of dotenv
    /// may have several lines, and whether a shell reads them.
    init(
        _ bytes: [UInt8], format: DocumentFormat, path: [UInt8], _ rule: Rule?, isRendered: Bool = false
    ) throws(SealingError) {
        do throws(DocumentError) {
            let document = try TextDocument(
                bytes, format: format, allowsLines: rule?.isMultiline ?? false,
                isForShell: rule?.isForShell ?? false
            ) {
                SealedToken.isMarked($0) || (format.holdsObjects && SealedToken.isWrappedMark($0))
            }
            self.init(document, path: path, isRendered: isRendered)
        } catch {
            throw SealingError(error, path: path)
        }
    }

    /// The entry of a Secret that the value at `index` is, or nil.
    func secretEntry(at index: Int) -> SecretEntry? {
        isSecret(places[index]) ? SecretEntry(places[index].path) : nil
    }

    /// The token at `index`. Throws `malformed`, also where escapes or continued lines spell it, `unknownVersion`,
    /// `limitExceeded`.
    func token(at index: Int) throws(SealingError) -> SealedToken {
        guard !isRendered || !isWrapped(index) else { return try wrappedToken(at: index) }
        let slot = slots[index]
        let isLiteral = document.withValue(of: slot) { value in
            document.withSource(of: slot) { SealedToken.contains($0, value) }
        }
        guard isLiteral else {
            throw SealingError(.malformed, "a sealed token stands here in another spelling")
        }
        guard !isWrapped(index) else { return try wrappedToken(at: index) }
        return try document.withValue(of: slots[index]) { (value) throws(SealingError) in
            try SealedToken(value)
        }
    }

    /// Whether the value at `index` is a token in base64.
    func isWrapped(_ index: Int) -> Bool {
        document.format.holdsObjects && document.withValue(of: slots[index]) { SealedToken.isWrappedMark($0) }
    }

    /// The token that stands in base64 at `index`: one of a named scope, under a Secret's `data`, where a template has
    /// put it.
    private func wrappedToken(at index: Int) throws(SealingError) -> SealedToken {
        guard secretEntry(at: index)?.field == .base64 else {
            throw SealingError(.unsuitablePlace, "a sealed token in base64 opens under a Secret's data alone")
        }
        let token = try document.withValue(of: slots[index]) { (value) throws(SealingError) in
            try SealedToken.unwrapping(value, passingOverLineBreaks: isRendered)
        }
        guard case .named = token.scope else {
            throw SealingError(
                .unsuitablePlace,
                "in base64 only tokens of a named scope open, and this is one of scope \(token.scope.text)")
        }
        return token
    }

    /// The values that `rule` selects, sealed and not, as indices of `slots`. Throws `limitExceeded`.
    func selected(by rule: Rule) throws(SealingError) -> [Int] {
        guard case .values(let selection) = rule.treatment else { return [] }
        let matchers = try SelectorMatcher.all(of: selection)
        var selected: [Int] = []
        for index in slots.indices where try selects(matchers, slots[index], places[index]) {
            selected.append(index)
        }
        return selected
    }

    /// The lines of documents that are one lone value, which no token can stand for, where `rule` selects it.
    func selectedRootLines(by rule: Rule) -> [Int] {
        guard case .values(.selectors(let selectors)) = rule.treatment else { return [] }
        let isSelected = selectors.contains { selector in
            guard case .keyPath(let glob) = selector else { return false }
            return glob.matches(SlotPath([]))
        }
        return isSelected ? document.rootScalarLines : []
    }

    /// Throws where a token stands that could not be opened here under `rule`, and where a mark stands elsewhere than as
    /// a whole value: `malformed`, `unknownVersion`, `limitExceeded`, `unsuitablePlace`, `noKey`, `nestedToken`. The
    /// value at `excluded` is about to be replaced.
    func requireSound(
        under rule: Rule, in rules: Rules, except excluded: Int? = nil
    ) throws(SealingError) {
        var failures: [SealingError.Failure] = []
        for index in slots.indices where slots[index].isSealed && index != excluded {
            do throws(SealingError) {
                let token = try token(at: index)
                guard token.environment == rule.environment else {
                    throw SealingError(
                        .noKey, "sealed for \(token.environment), and the rule says \(rule.environment)")
                }
                _ = try coordinates(at: index, token.scope, namespace: rule.namespace, in: rules)
            } catch {
                failures.append(failure(at: index, error))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: path) }
        guard let stray = Marks.firstStray(in: self) else { return }
        throw SealingError(
            .nestedToken, "line \(stray): a sealed token or SOPS marker that is no whole value"
        ).at(path)
    }

    /// Values that stand unsealed at a place that `rule` selects, by an alias or merge: a token can't be put there.
    /// One failure for each alias. Comments select what is written beside them alone. Throws `limitExceeded`.
    func selectedThroughAliases(by rule: Rule) throws(SealingError) -> [SealingError.Failure] {
        guard case .values(let selection) = rule.treatment else { return [] }
        let matchers = try SelectorMatcher.all(of: selection)
        var failures: [SealingError.Failure] = []
        var refusal: SealingError?
        document.forEachValueMetElsewhere { slot, place, line in
            guard !slot.isSealed, failures.last?.line != line, refusal == nil else { return }
            do throws(SealingError) {
                guard try selects(matchers, nil, place) else { return }
            } catch {
                refusal = error
                return
            }
            failures.append(
                SealingError.Failure(
                    code: .unsuitablePlace, line: line, keyPath: place.path.text,
                    reason:
                        "plaintext comes here by alias or merge: write the value itself, or seal where it stands"
                ))
        }
        if let refusal { throw refusal }
        return failures
    }

    /// Whether `matchers`, nil for the default, select the value at `place`; comments those of `slot`, where it is
    /// written there.
    private func selects(
        _ matchers: [SelectorMatcher]?, _ slot: Slot?, _ place: SlotPlace
    ) throws(SealingError) -> Bool {
        guard let matchers else {
            return document.format == .dotenv || (isSecret(place) && SecretEntry(place.path) != nil)
        }
        for matcher in matchers {
            switch matcher {
            case .keyPath(let glob): if glob.matches(place.path) { return true }
            case .expression(let expression): if try expression.matches(place.path) { return true }
            case .comment(let text):
                if let slot, document.hasComment(text, at: slot) { return true }
            }
        }
        return false
    }

    /// Whether `place` is in a Secret of the core group.
    func isSecret(_ place: SlotPlace) -> Bool {
        secrets.contains(Unit(document: place.document, item: place.item))
    }

    /// The coordinates at which a value at `index` is sealed under `rule`. Throws `unsuitablePlace`.
    func coordinates(
        at index: Int, sealingUnder rule: Rule, in rules: Rules
    ) throws(SealingError) -> Coordinates {
        switch rule.scope {
        case .environment:
            return .environment
        case .file:
            return try coordinates(at: index, .file, namespace: rule.namespace, in: rules)
        case .object:
            return try coordinates(at: index, .object, namespace: rule.namespace, in: rules)
        case .named(let name, let places):
            return .named(name, places: places)
        case .standard:
            let object = places[index].object
            let hasNamespace = object?.namespace != nil || rule.namespace != nil
            let isObject = secretEntry(at: index) != nil && object != nil && hasNamespace
            return try coordinates(
                at: index, isObject ? .object : .file, namespace: rule.namespace, in: rules)
        }
    }

    /// The coordinates of the value at `index` in `scope`, for objects without namespace in `namespace`. Throws
    /// `unsuitablePlace`, `notSupported`.
    func coordinates(
        at index: Int, _ scope: SealedToken.Scope, namespace: [UInt8]?, in rules: Rules
    ) throws(SealingError) -> Coordinates {
        let place = places[index]
        switch scope {
        case .environment:
            return .environment
        case .named(let name):
            guard let places = rules.places(of: name) else {
                throw SealingError(.unsuitablePlace, "no rule allows places to the name \(name)")
            }
            return .named(name, places: places)
        case .file, .object:
            guard !slots[index].isAliasedOrMerged else {
                throw SealingError(
                    .unsuitablePlace, "stands at more than one place by alias or merge: use scope environment"
                )
            }
        }
        guard scope == .object else { return .file(repository: rules.repository, file: path, place: place) }
        guard let object = place.object else {
            throw SealingError(.unsuitablePlace, "scope object, but no Kubernetes object with a name")
        }
        guard let space = object.namespace ?? namespace else {
            throw SealingError(
                .unsuitablePlace, "scope object, but neither the object nor the rule names a namespace")
        }
        if let entry = secretEntry(at: index), doubled.contains(PlacedDocument.name(place, entry.key)) {
            throw SealingError(.unsuitablePlace, "the key stands in data and in stringData")
        }
        return .object(object, namespace: space, path: place.path)
    }

    /// The key path of the value at `index`, as people write it.
    func keyPath(_ index: Int) -> String { document.path(of: slots[index]).text }

    /// A failure at the value `index`.
    func failure(at index: Int, _ error: SealingError) -> SealingError.Failure {
        SealingError.Failure(
            code: error.code, line: slots[index].line, keyPath: keyPath(index),
            reason: error.context)
    }

    /// A failure at the value `index`, of Documents.
    func failure(at index: Int, _ error: DocumentError) -> SealingError.Failure {
        failure(at: index, SealingError(SealingError.code(of: error), error.context))
    }

    /// A name of a Secret's key within the file.
    private static func name(_ place: SlotPlace, _ key: [UInt8]) -> [UInt8] {
        Array("\(place.document)/\(place.item ?? -1)/".utf8) + key
    }
}

/// A selector of a rule, made ready for the values of one document.
private enum SelectorMatcher {
    case keyPath(KeyPathGlob)
    case expression(KeyPathExpression.Matcher)
    case comment([UInt8])

    /// Those of a selection; nil for the default.
    static func all(of selection: Rule.Selection) throws(SealingError) -> [SelectorMatcher]? {
        guard case .selectors(let selectors) = selection else { return nil }
        var matchers: [SelectorMatcher] = []
        for selector in selectors {
            switch selector {
            case .keyPath(let glob): matchers.append(.keyPath(glob))
            case .expression(let expression): matchers.append(.expression(try expression.matcher()))
            case .comment(let text): matchers.append(.comment(Array(text.utf8)))
            }
        }
        return matchers
    }
}

extension TextDocument {
    /// Whether the decoded value of `slot` is `word`.
    fileprivate func holds(_ slot: Slot, _ word: String) -> Bool {
        withValue(of: slot) { $0.byteCount <= 64 && $0.array == Array(word.utf8) }
    }
}
