internal import Documents
internal import Encodings

/// `.strongroom.yaml` at a config repository's root: which paths and values are sealed, for which environment and
/// with which scope (FORMAT.md §6).
package struct Rules: Sendable {
    /// The name of the file.
    package static let fileName = ".strongroom.yaml"

    /// `repository`
    package let repository: RepositoryID
    /// `keyrings`: the folder of the keyrings, from the repository's root, without slash at the end.
    package let keyrings: String
    /// `rules`, in order.
    package let rules: [Rule]

    /// The rules of a file. Throws `rules`, with the line, for everything but the described form; `unknownVersion`
    /// for another version.
    package init(parsing bytes: [UInt8]) throws(SealingError) {
        guard bytes.count <= SealingLimit.rulesByteCount else {
            throw SealingError(
                .limitExceeded, "\(Rules.fileName) larger than \(SealingLimit.rulesByteCount) bytes")
        }
        do throws(DocumentError) {
            let root = try YAMLNode(parsing: bytes)
                .mapping(allowed: ["version", "repository", "keyrings", "rules"])
            let version = try root.required("version")
            guard try version.int() == 1 else { throw version.expected("1") }
            let repository = try root.required("repository")
            guard let id = try? RepositoryID(try repository.string()) else {
                throw repository.expected("32 lower-case hex digits")
            }
            self.repository = id
            keyrings = try Rules.folder(root.optional("keyrings"))
            var rules: [Rule] = []
            for node in try root.optional("rules")?.list() ?? [] {
                let rule = try Rule(node)
                try Rules.requireSamePlaces(of: rule, as: rules, node)
                rules.append(rule)
            }
            self.rules = rules
        } catch {
            throw SealingError(.rules, "\(Rules.fileName): \(error)", underlying: error)
        }
    }

    /// The first rule for `path`, which is from the repository's root without leading slash; nil where none is.
    package func rule(for path: [UInt8]) -> Rule? {
        rules.first { $0.matches(path) }
    }

    /// The places that the rules allow to the scope `name`; nil where no rule names it.
    package func places(of name: String) -> [AllowedPlace]? {
        for rule in rules {
            if case .named(name, let places) = rule.scope { return places }
        }
        return nil
    }

    /// Throws where an earlier rule gives the name of this one's scope other places: a name has one list of them.
    private static func requireSamePlaces(
        of rule: Rule, as rules: [Rule], _ node: YAMLNode
    ) throws(DocumentError) {
        guard case .named(let name, let places) = rule.scope else { return }
        for other in rules {
            guard case .named(name, let others) = other.scope, others != places else { continue }
            throw node.expected("the same places for the name \(name) as on line \(other.line)")
        }
    }

    /// The text of a rules file as `init` writes it: one commented rule for each of `environments`, which seals the
    /// Kubernetes Secrets below `paths`.
    package static func write(
        repository: RepositoryID, keyrings: String = "Keys", rules: [(environment: String, paths: [String])]
    ) -> [UInt8] {
        var writer = YAMLWriter()
        writer.comment(
            "What Strongroom seals in this repository. The first rule whose paths match is the one.")
        writer.entry("version", .int(1))
        writer.entry("repository", .string(repository.description))
        writer.entry("keyrings", .string(keyrings))
        writer.entry(
            "rules",
            .sequence(
                rules.map { rule in
                    .flowMapping([
                        ("paths", .flowSequence(rule.paths.map { .string($0) })),
                        ("environment", .string(rule.environment)), ("required", .bool(true)),
                    ])
                }))
        return writer.bytes
    }

    /// A folder below the repository's root; `Keys` where nothing is said.
    private static func folder(_ node: YAMLNode?) throws(DocumentError) -> String {
        guard let node else { return "Keys" }
        let text = try node.string()
        let components = text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
        for component in components {
            guard !component.isEmpty, !component.elementsEqual(".".utf8), !component.elementsEqual("..".utf8),
                !component.contains(0)
            else { throw node.expected("a folder of this repository, as Keys") }
        }
        return text
    }
}

extension Rule {
    private static let keys = [
        "paths", "environment", "values", "scope", "namespace", "sealed", "required", "multiline", "shell",
        "maxAge",
    ]

    /// The rule of a node.
    fileprivate init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: Rule.keys)
        line = node.line
        paths = try Rule.globs(mapping.required("paths"))
        let environment = try mapping.required("environment")
        self.environment = try environment.string()
        guard SealedToken.isEnvironmentName(self.environment) else {
            throw environment.expected("an environment: lower-case letters, digits and dashes, at most 32")
        }
        treatment = try Rule.treatment(mapping)
        scope = try mapping.optional("scope").map(Rule.scope) ?? .standard
        namespace = try mapping.optional("namespace").map(Rule.namespace)
        isRequired = try mapping.optional("required")?.bool() ?? false
        isMultiline = try mapping.optional("multiline")?.bool() ?? false
        isForShell = try mapping.optional("shell")?.bool() ?? false
        maxAge = try mapping.optional("maxAge").map { (node) throws(DocumentError) in
            guard let age = try? MaximumAge(try node.string()) else {
                throw node.expected("an age as 90d, 12h, 4w or 1y")
            }
            return age
        }
        guard case .file = treatment else { return }
        for key in ["values", "scope", "namespace", "multiline", "shell"] {
            guard let value = mapping.optional(key) else { continue }
            throw value.expected("nothing here: \(key) does not go with sealed: file")
        }
    }

    private static func globs(_ node: YAMLNode) throws(DocumentError) -> [Glob] {
        var globs: [Glob] = []
        for element in try node.list() {
            let text = Array(try element.string().utf8)
            let components = text.split(separator: 0x2F, omittingEmptySubsequences: false)
            guard let glob = try? Glob(text),
                components.allSatisfy({ !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) })
            else { throw element.expected("a glob from the repository's root, as deploy/prod/**") }
            // Other tools' globs know more; taken literally they would match nothing, without a word.
            guard text.first != 0x21, !text.contains(where: { "{}?[]\\".utf8.contains($0) }),
                components.allSatisfy({ $0.first != 0x20 && $0.last != 0x20 })
            else {
                throw element.expected(
                    "a glob of literal names, * and ** alone: no {}, ?, [], backslash, ! before it, or blank at an end"
                )
            }
            globs.append(glob)
        }
        guard !globs.isEmpty else { throw node.expected("at least one glob") }
        return globs
    }

    private static func treatment(_ mapping: YAMLMapping) throws(DocumentError) -> Treatment {
        if let sealed = mapping.optional("sealed") {
            let what = try sealed.string()
            guard what == "file" else { throw sealed.expected("file") }
            return .file
        }
        guard let values = mapping.optional("values") else { return .values(.standard) }
        var selectors: [Selector] = []
        for element in try values.list() { selectors.append(try selector(element)) }
        guard !selectors.isEmpty else { throw values.expected("at least one selector") }
        return .values(.selectors(selectors))
    }

    private static func selector(_ node: YAMLNode) throws(DocumentError) -> Selector {
        if case .mapping = node.content {
            let text = try node.mapping(allowed: ["comment"]).required("comment")
            guard try !text.string().isEmpty else { throw text.expected("a text") }
            return .comment(try text.string())
        }
        let text = try node.string()
        if text.utf8.count > "comment: ".utf8.count, text.hasPrefix("comment: ") {
            return .comment(String(text.dropFirst("comment: ".count)))
        }
        if text.utf8.count > 2, text.hasPrefix("/"), text.hasSuffix("/") {
            do throws(SealingError) {
                return .expression(try KeyPathExpression(String(text.dropFirst().dropLast())))
            } catch {
                throw node.expected("a regular expression over key paths: \(error.context)")
            }
        }
        guard let glob = try? KeyPathGlob(text) else {
            throw node.expected("a key path pattern, as data.* or spec.env[name=DB].value")
        }
        return .keyPath(glob)
    }

    private static func scope(_ node: YAMLNode) throws(DocumentError) -> Scope {
        if case .mapping = node.content {
            let mapping = try node.mapping(allowed: ["name", "places"])
            let name = try mapping.required("name")
            return .named(try Rule.name(name), places: try Rule.places(mapping.required("places")))
        }
        switch try node.string() {
        case "object": return .object
        case "file": return .file
        case "environment": return .environment
        default: throw node.expected("object, file, environment, or { name: N, places: […] }")
        }
    }

    private static func name(_ node: YAMLNode) throws(DocumentError) -> String {
        let text = try node.string()
        guard SealedToken.isScopeName(text) else {
            throw node.expected("a name: lower-case letters, digits and dashes, at most 63")
        }
        return text
    }

    private static func places(_ node: YAMLNode) throws(DocumentError) -> [AllowedPlace] {
        var places: Set<AllowedPlace> = []
        for element in try node.list() {
            let text = try element.string()
            guard let place = try? AllowedPlace(text) else {
                throw element.expected("a place, as /Secret/shop/db/password or door:render")
            }
            places.insert(place)
        }
        guard !places.isEmpty else { throw node.expected("at least one place") }
        return places.sorted()
    }

    private static func namespace(_ node: YAMLNode) throws(DocumentError) -> [UInt8] {
        let text = Array(try node.string().utf8)
        // RFC 1123 label, as Kubernetes demands of a namespace.
        let isLabel =
            text.allSatisfy { SealedToken.isNameByte($0) } && text.first != 0x2D && text.last != 0x2D
        guard (1...63).contains(text.count), isLabel else { throw node.expected("a namespace") }
        return text
    }
}
