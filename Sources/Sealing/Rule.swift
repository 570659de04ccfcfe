package import Encodings

/// One entry of `rules`: which files, which values in them, for which environment (FORMAT.md §6).
package struct Rule: Sendable {
    /// What is sealed in the files of a rule.
    package enum Treatment: Sendable {
        /// `sealed: file`: the whole file.
        case file
        /// Values that are chosen one by one.
        case values(Selection)
    }

    /// How values are chosen.
    package enum Selection: Sendable {
        /// Without `values`: `data` and `stringData` of Kubernetes Secrets, every value of dotenv.
        case standard
        /// Values that one of these selects.
        case selectors([Selector])
    }

    /// One element of `values`.
    package enum Selector: Sendable {
        /// A pattern over key paths.
        case keyPath(KeyPathGlob)
        /// `/regex/` over key paths. Not built yet.
        case expression(String)
        /// `comment: TEXT`. Not built yet.
        case comment(String)
    }

    /// `scope`
    package enum Scope: Sendable, Equatable {
        /// The object for Kubernetes Secrets that have a namespace, else the file.
        case standard
        /// `object`
        case object
        /// `file`
        case file
        /// `environment`
        case environment
        /// `name`, with its allowed places. Not built yet.
        case named(String, places: [String])
    }

    /// The globs of `paths`, from the repository's root.
    package let paths: [Glob]
    /// `environment`
    package let environment: String
    /// What is sealed.
    package let treatment: Treatment
    /// What sealed values are bound to.
    package let scope: Scope
    /// `namespace`: of objects that name none.
    package let namespace: [UInt8]?
    /// `required`: plaintext here is refused.
    package let isRequired: Bool
    /// `multiline`: values of dotenv may have several lines.
    package let isMultiline: Bool
    /// `maxAge`, as it is written. Not built yet.
    package let maxAge: String?
    /// The line of the rules file where the rule begins, from 1.
    package let line: Int

    /// Whether the rule is for `path`.
    package func matches(_ path: [UInt8]) -> Bool {
        let components = path.split(separator: 0x2F, omittingEmptySubsequences: false).map { Array($0) }
        return paths.contains { $0.matches(components) }
    }

    /// Throws `notSupported` where the rule asks for what is not built yet. Called before any use of the rule:
    /// nothing that it says is ever passed over in silence.
    package func requireSupport() throws(SealingError) {
        func refuse(_ what: String) -> SealingError {
            SealingError(.notSupported, "\(Rules.fileName) line \(line): \(what) is not supported yet")
        }
        if case .named = scope { throw refuse("a named scope") }
        if maxAge != nil { throw refuse("maxAge") }
        guard case .values(.selectors(let selectors)) = treatment else { return }
        for selector in selectors {
            switch selector {
            case .keyPath: continue
            case .expression: throw refuse("a /regex/ in values")
            case .comment: throw refuse("a comment: in values")
            }
        }
    }
}
