internal import Documents
package import Keyrings
internal import Sodium

/// Checks files against the rules without any key (FORMAT.md §6.4): in a hook, in CI, before a commit is applied.
///
/// Feed it every file once, then ask for the findings; ephemeral keys that two tokens share are found across files.
package struct Checker {
    /// One thing that was found.
    package struct Finding: Sendable {
        /// What was found.
        package enum Kind: Sendable {
            /// A token, document or sealed file is not well-formed, or another error of its check.
            case fault(SealingError.Code)
            /// Plaintext that the rule selects; refused only where the rule says `required`.
            case plaintext
            /// A token or sealed file of another environment than the rule's.
            case otherEnvironment
            /// A token of an epoch that the keyring doesn't have.
            case unknownEpoch
            /// A token of a closed epoch: to be resealed.
            case closedEpoch
            /// A token of another scope than the rule gives to its place.
            case otherScope
            /// Two tokens with one ephemeral key: a copy, or a broken random source.
            case repeatedEphemeral
            /// A token under no rule: nothing says who seals it.
            case noRule
            /// A value that stood here before another one took its place, and came back.
            case returned
            /// A value that stands unchanged for longer than its rule allows.
            case tooOld
            /// Text that looks like a secret, outside of what the rules seal.
            case secretLike
            /// Something that the rule asks for and this check can't tell.
            case notChecked
            /// A rule that requires something sealed and matches no file.
            case matchesNothing

            /// A word that stands for the kind, for programs.
            package var name: String {
                switch self {
                case .fault(let code): "fault-\(code)"
                case .plaintext: "plaintext"
                case .otherEnvironment: "other-environment"
                case .unknownEpoch: "unknown-epoch"
                case .closedEpoch: "closed-epoch"
                case .otherScope: "other-scope"
                case .repeatedEphemeral: "repeated-ephemeral"
                case .noRule: "no-rule"
                case .returned: "returned"
                case .tooOld: "too-old"
                case .secretLike: "secret-like"
                case .notChecked: "not-checked"
                case .matchesNothing: "matches-nothing"
                }
            }
        }

        /// The file, from the repository's root.
        package let path: [UInt8]
        /// The line, from 1, where there is one.
        package let line: Int?
        /// The key path as people write it, where there is one.
        package let keyPath: String?
        /// What was found.
        package let kind: Kind
        /// Whether the rules are broken; else it is worth a word only.
        package let isRefused: Bool
        /// What was found, in words.
        package let reason: String
    }

    /// The rules that are checked.
    let rules: Rules
    private let epochs: [String: Epochs]
    /// Where each ephemeral key was first met.
    private var ephemerals: [[UInt8]: (path: [UInt8], line: Int)] = [:]
    /// What was found so far, in the order of the files.
    package private(set) var findings: [Finding] = []
    /// What is sealed under a rule, as far as it is well-formed: what history can tell more about.
    package private(set) var sealed: [Sealed] = []

    /// Whether history was asked for and is not all there.
    package internal(set) var isIncomplete = false

    /// The positions of the rules that were for a file so far.
    private var usedRules: Set<Int> = []

    private struct Epochs {
        let all: [UInt64]
        let open: UInt64
    }

    /// A checker of the repository of `rules` with its verified `keyrings`.
    ///
    /// Tokens of environments that have no keyring here are checked but for their epochs.
    package init(rules: Rules, keyrings: [Keyring]) {
        self.init(
            rules: rules,
            epochs: keyrings.map { ($0.environment, $0.body.epochs.map(\.number), $0.sealingKey.epoch) })
    }

    /// A checker with the numbers of all epochs and of the open one, by environment.
    init(rules: Rules, epochs: [(environment: String, all: [UInt64], open: UInt64)]) {
        self.rules = rules
        self.epochs = Dictionary(
            epochs.map { ($0.environment, Epochs(all: $0.all, open: $0.open)) }, uniquingKeysWith: { $1 })
    }

    /// Whether nothing that was found breaks the rules.
    package var isClean: Bool { !findings.contains { $0.isRefused } }

    /// Checks the file `bytes` at `path` (from the repository's root, without leading slash).
    package mutating func check(_ bytes: [UInt8], path: [UInt8]) {
        let position = rules.rules.firstIndex { $0.matches(path) }
        if let position { usedRules.insert(position) }
        let rule = position.map { rules.rules[$0] }
        if bytes.withBytes({ SealedFile.isAgeFile($0) }) {
            checkSealedFile(bytes, path: path, rule)
            return
        }
        if let rule, case .file = rule.treatment {
            note(path, .plaintext, isRefused: rule.isRequired, "plaintext, and the rule seals the whole file")
            return
        }
        do throws(SealingError) {
            try checkDocument(bytes, path: path, rule)
        } catch {
            // A file under no rule is somebody else's. What can't be read may be no document at all (a template):
            // it breaks the rules where they require something of it, and where it holds tokens.
            let isOurs = rule?.isRequired == true || error.code == .notSupported
            let isRefused = rule != nil && (isOurs || SealedToken.containsMarkInAnySpelling(bytes))
            note(path, .fault(error.code), isRefused: isRefused, error.context)
        }
    }

    /// Notes rules that require something sealed and were for none of the files: all files were checked before.
    package mutating func noteUnusedRules() {
        for (position, rule) in rules.rules.enumerated()
        where rule.isRequired && !usedRules.contains(position) {
            note(
                Array(Rules.fileName.utf8), .matchesNothing, line: rule.line, isRefused: false,
                "the rule requires something sealed, and is for no file here")
        }
    }

    private mutating func checkDocument(
        _ bytes: [UInt8], path: [UInt8], _ rule: Rule?
    ) throws(SealingError) {
        var isOurs = false
        if let rule { isOurs = try SealableFormat.format(of: path, rule) != nil }
        guard let format = DocumentFormat(path: path) else {
            let mark = bytes.withBytes { text in
                SealedToken.firstMark(in: text).map { Marks.line(of: $0.offset, in: text) }
            }
            guard let mark else {
                guard let rule, rule.isRequired, !bytes.isEmpty else { return }
                guard rule.choosesBySelectors else { return try checkUnknown(bytes, path: path, rule) }
                return note(path, .plaintext, isRefused: true, SealableFormat.unsealableType)
            }
            throw SealingError(
                .nestedToken,
                "line \(mark): a sealed token or SOPS marker in a file whose values can't be sealed")
        }
        // What no rule selects and holds no mark is not ours to parse.
        let isMarked =
            SealedToken.containsMarkInAnySpelling(bytes)
            || (format.holdsObjects && SealedToken.containsWrappedMark(bytes))
        guard isOurs || isMarked else { return }
        let placed = try PlacedDocument(bytes, format: format, path: path, rule)
        if let stray = Marks.firstStray(in: placed) {
            note(
                path, .fault(.nestedToken), line: stray, isRefused: rule != nil,
                "a sealed token or SOPS marker that is no whole value")
        }
        let selected = try Set(
            rule.map { (rule) throws(SealingError) in try placed.selected(by: rule) } ?? [])
        if let rule {
            try checkAliases(placed, rule)
            checkLists(placed, rule)
            if rule.isRequired {
                for line in placed.selectedRootLines(by: rule) {
                    note(path, .plaintext, line: line, isRefused: true, SealableFormat.unsealableRoot)
                }
            }
        }
        for index in placed.slots.indices {
            if placed.slots[index].isSealed {
                checkToken(index, in: placed, rule, isSelected: selected.contains(index))
            } else if let rule, selected.contains(index) {
                note(
                    placed, index, .plaintext, isRefused: rule.isRequired,
                    rule.isRequired ? "plaintext, and the rule requires it sealed" : "not sealed yet")
            }
        }
    }

    /// Notes plaintext that an alias or merge puts where `rule` selects.
    private mutating func checkAliases(_ placed: PlacedDocument, _ rule: Rule) throws(SealingError) {
        for failure in try placed.selectedThroughAliases(by: rule) {
            note(
                placed.path, .plaintext, line: failure.line, keyPath: failure.keyPath,
                isRefused: rule.isRequired, failure.reason)
        }
    }

    private mutating func checkToken(_ index: Int, in placed: PlacedDocument, _ rule: Rule?, isSelected: Bool)
    {
        let token: SealedToken
        do throws(SealingError) {
            token = try placed.token(at: index)
            _ = try placed.coordinates(at: index, token.scope, namespace: rule?.namespace, in: rules)
            if case .named(let name) = token.scope, !(isSelected && rule?.isNamed(name) == true) {
                try placed.requireAllowed(
                    at: index, rules.places(of: name) ?? [], namespace: rule?.namespace)
            }
        } catch {
            add(placed.path, placed.failure(at: index, error), isRefused: true)
            return
        }
        let line = placed.slots[index].line
        if let first = ephemerals[token.ephemeral], !placed.isWrapped(index) {
            note(
                placed, index, .repeatedEphemeral, isRefused: true,
                "the same ephemeral key as \(SealingError.text(first.path)) line \(first.line): copied, not sealed here"
            )
        } else {
            ephemerals[token.ephemeral] = (placed.path, line)
        }
        guard let rule, isSelected else {
            note(placed, index, .noRule, isRefused: false, "a sealed token that no rule selects")
            return checkEpoch(token.environment, token.epoch, placed.path, line: line, placed.keyPath(index))
        }
        guard token.environment == rule.environment else {
            return note(
                placed, index, .otherEnvironment, isRefused: true,
                "sealed for \(token.environment), and the rule says \(rule.environment)")
        }
        let expected = try? placed.coordinates(at: index, sealingUnder: rule, in: rules)
        if expected?.scope != token.scope {
            note(
                placed, index, .otherScope, isRefused: rule.scope != .standard,
                "scope \(token.scope.text), and the rule gives \(expected?.scope.text ?? "none")")
        }
        checkEpoch(token.environment, token.epoch, placed.path, line: line, placed.keyPath(index))
        sealed.append(
            Sealed(
                path: placed.path,
                standing: placed.standing(at: index, token, namespace: rule.namespace, in: rules),
                maxAge: rule.maxAge))
    }

    private mutating func checkEpoch(
        _ environment: String, _ epoch: UInt64, _ path: [UInt8], line: Int?, _ keyPath: String?
    ) {
        guard let known = epochs[environment] else { return }
        guard known.all.contains(epoch) else {
            return note(
                path, .unknownEpoch, line: line, keyPath: keyPath, isRefused: true,
                "the keyring of \(environment) has no epoch \(epoch)")
        }
        guard epoch != known.open else { return }
        note(
            path, .closedEpoch, line: line, keyPath: keyPath, isRefused: true,
            "epoch \(epoch) of \(environment) is closed: reseal")
    }

    /// Checks an age file: the digest an epoch at a time.
    private mutating func checkSealedFile(_ bytes: [UInt8], path: [UInt8], _ rule: Rule?) {
        do throws(SealingError) {
            let header: AgeHeader
            do throws(AgeError) {
                header = try bytes.withBytes { (file) throws(AgeError) in try AgeHeader(parsing: file) }
            } catch {
                throw SealingError(error)
            }
            guard let rule else {
                _ = try SealedFile.scope(of: header)
                return note(path, .noRule, isRefused: false, "a sealed file under no rule")
            }
            guard let known = epochs[rule.environment] else {
                _ = try SealedFile.scope(of: header)
                return
            }
            let epoch = try SealedFile.epoch(
                of: header, environment: rule.environment, epochs: known.all, repository: rules.repository,
                path: path)
            checkEpoch(rule.environment, epoch, path, line: nil, nil)
            for standing in SealedItem.standing(in: bytes, path: path, rules: rules) {
                sealed.append(Sealed(path: path, standing: standing, maxAge: rule.maxAge))
            }
        } catch {
            note(path, .fault(error.code), isRefused: rule != nil, error.context)
        }
    }

    // MARK: Noting

    /// Notes a finding.
    mutating func note(
        _ path: [UInt8], _ kind: Finding.Kind, line: Int? = nil, keyPath: String? = nil, isRefused: Bool,
        _ reason: String
    ) {
        findings.append(
            Finding(
                path: path, line: line, keyPath: keyPath, kind: kind, isRefused: isRefused, reason: reason))
    }

    private mutating func note(
        _ placed: PlacedDocument, _ index: Int, _ kind: Finding.Kind, isRefused: Bool, _ reason: String
    ) {
        note(
            placed.path, kind, line: placed.slots[index].line, keyPath: placed.keyPath(index),
            isRefused: isRefused, reason)
    }

    private mutating func add(_ path: [UInt8], _ failure: SealingError.Failure, isRefused: Bool) {
        note(
            path, .fault(failure.code), line: failure.line, keyPath: failure.keyPath, isRefused: isRefused,
            failure.reason)
    }
}
