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
        /// `/regex/` over key paths.
        case expression(KeyPathExpression)
        /// `comment: TEXT`: values whose comment holds the text; JSON has none.
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
        /// `name`, with its allowed places, sorted.
        case named(String, places: [AllowedPlace])
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
    /// `shell`: a shell reads the values of dotenv.
    package let isForShell: Bool
    /// `maxAge`: how long a value may stand unchanged.
    package let maxAge: MaximumAge?
    /// The line of the rules file where the rule begins, from 1.
    package let line: Int

    /// Whether the rule is for `path`.
    package func matches(_ path: [UInt8]) -> Bool {
        let components = path.split(separator: 0x2F, omittingEmptySubsequences: false).map { Array($0) }
        return paths.contains { $0.matches(components) }
    }

    /// Whether the rule names its values: then a file whose values can't be chosen holds what should be sealed. The
    /// default selection chooses Kubernetes Secrets alone; a text beside them is none.
    var choosesBySelectors: Bool {
        guard case .values(.selectors) = treatment else { return false }
        return true
    }

    /// Whether values are selected by their comments.
    var hasCommentSelectors: Bool {
        guard case .values(.selectors(let selectors)) = treatment else { return false }
        return selectors.contains { if case .comment = $0 { true } else { false } }
    }

    /// Whether the rule seals for the scope `name`.
    func isNamed(_ name: String) -> Bool {
        guard case .named(name, _) = scope else { return false }
        return true
    }
}
