internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom explain`: which rule, environment, epoch and place a value has, who can open it, and why it doesn't.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say which rule a file has, who can open it, and why it does not open.",
        discussion: """
            Needs no key; with an identity of a member each token is tried, and one that was moved is looked for in \
            Git history. KEYPATH is as data.password; default: all values that are sealed or to be sealed.
            """)

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @Argument(help: ArgumentHelp("One value of the file.", valueName: "keypath"))
    var keyPath: String?

    @Flag(help: "Print as JSON.")
    var json = false

    @OptionGroup var document: DocumentOption
    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        guard let rule = checkout.rules.rule(for: path) else {
            throw Failure(
                .refused, "\(file): no rule of \(Rules.fileName) is for this file",
                hints: ["add a rule whose paths match \(String(decoding: path, as: UTF8.self))"])
        }
        let keyring = try checkout.keyring(rule.environment)
        try trust.verify(keyring, of: checkout, sealing: false)
        let (opened, reason) = open(keyring, checkout)
        var explanation = Explanation(
            path: String(decoding: path, as: UTF8.self),
            rule: .init(line: rule.line, environment: rule.environment, required: rule.isRequired),
            newestEpoch: keyring.sealingKey.epoch, notTried: reason)
        let work = try WorkFile(file)
        let isAgeFile = try work.head(64).withBytes { SealedFile.isAgeFile($0) }
        if case .file = rule.treatment {
            explanation.file = try sealedFile(work, isAgeFile: isAgeFile, path, keyring, checkout)
        } else {
            let bytes = try work.read(limit: DocumentLimits().byteCount)
            let places = OtherPlaces(of: bytes, at: path, in: checkout)
            explanation.values = try Explainer(rules: checkout.rules, keyring: opened).explain(
                bytes, path: path, keyPath: keyPath.map { Array($0.utf8) }, in: try document.selector()
            ) { places.all($0) }.map { .init($0, keyring) }
        }
        let members = keyring.body.readers(of: keyring.sealingKey.epoch)
        explanation.members = members.map(\.name)
        if json { try Console.json(explanation) } else { explanation.print() }
    }

    /// The keyring opened with the identities that are there; else why nothing is tried.
    private func open(_ keyring: Keyring, _ checkout: Checkout) -> (OpenedKeyring?, String?) {
        do {
            return (try checkout.openThrough(keyring, with: try identities.load()), nil)
        } catch {
            return (nil, Failure(error).message)
        }
    }

    private func sealedFile(
        _ work: borrowing WorkFile, isAgeFile: Bool, _ path: [UInt8], _ keyring: Keyring, _ checkout: Checkout
    ) throws -> Explanation.File {
        guard isAgeFile else {
            return .init(sealed: false, epoch: nil, problem: "plaintext: strongroom seal seals it")
        }
        let header = try Failure.about(file) { try AgeHeader(of: work) }
        func epoch(at path: [UInt8]) -> UInt64? {
            try? SealedFile.epoch(
                of: header, environment: keyring.environment, epochs: keyring.body.epochs.map(\.number),
                repository: checkout.rules.repository, path: path)
        }
        if let epoch = epoch(at: path) { return .init(sealed: true, epoch: epoch, problem: nil) }
        let old = try PlaceHistory(checkout)?.paths().first { epoch(at: $0) != nil }
        let problem = old.map { "valid for \(String(decoding: $0, as: UTF8.self)), stands at \(file)" }
        return .init(
            sealed: true, epoch: nil,
            problem: problem ?? "sealed for another path, repository or environment, or a plain age file")
    }
}

/// What `explain` tells, as `--json` shows it.
private struct Explanation: Encodable {
    struct RuleDocument: Encodable {
        let line: Int
        let environment: String
        let required: Bool
    }

    struct File: Encodable {
        let sealed: Bool
        let epoch: UInt64?
        let problem: String?
    }

    struct Value: Encodable {
        let line: Int
        let keyPath: String
        let selected: Bool
        let sealed: Bool
        let environment: String?
        let epoch: UInt64?
        let epochState: String?
        let scope: String?
        let place: String?
        let opens: Bool?
        let problem: String?
        let members: [String]?
    }

    let path: String
    let rule: RuleDocument
    let newestEpoch: UInt64
    var members: [String] = []
    var file: File?
    var values: [Value] = []
    /// Why no token was tried.
    let notTried: String?

    init(path: String, rule: RuleDocument, newestEpoch: UInt64, notTried: String?) {
        self.path = path
        self.rule = rule
        self.newestEpoch = newestEpoch
        self.notTried = notTried
    }

    /// Prints in words.
    func print() {
        let required = rule.required ? ", required" : ""
        Console.print(
            "\(path): rule on line \(rule.line) of \(Rules.fileName): environment \(rule.environment), epoch "
                + "\(newestEpoch)\(required)")
        Console.print("  sealed now, it can be opened by \(members.joined(separator: ", "))")
        if let notTried { Console.print("  nothing was tried: \(notTried)") }
        if let file {
            let epoch = file.epoch.map { " to \(rule.environment)-\($0), for this path" } ?? ""
            Console.print("  \(file.sealed ? "sealed as a whole\(epoch)" : "to be sealed as a whole")")
            if let problem = file.problem { Console.print("  \(problem)") }
        }
        for value in values { Console.print("\(path):\(value.line): \(value.keyPath): \(value.words)") }
    }
}

extension Explanation.Value {
    init(_ value: Explainer.Value, _ keyring: Keyring) {
        line = value.line
        keyPath = value.keyPath
        selected = value.isSelected
        sealed = value.isSealed
        environment = value.sealedTo?.environment
        epoch = value.sealedTo?.epoch
        scope = value.scope
        place = value.place
        let isOurs = value.sealedTo?.environment == keyring.environment
        let number = isOurs ? value.sealedTo?.epoch : nil
        epochState = number.map { number in
            guard keyring.publicKey(epoch: number) != nil else { return "unknown" }
            return number == keyring.sealingKey.epoch ? "newest" : "closed"
        }
        members = number.map { keyring.body.readers(of: $0).map(\.name) }
        switch value.opening {
        case .untried:
            opens = nil
            problem = nil
        case .opens:
            opens = true
            problem = nil
        case .validElsewhere(let other):
            opens = false
            problem = "valid for \(other), stands at \(value.place ?? value.keyPath)"
        case .fails(let reason):
            opens = false
            problem = reason
        }
    }

    /// The value in words.
    var words: String {
        var parts: [String] = []
        if let environment, let epoch {
            let state = epochState.map { $0 == "newest" ? "" : " (\($0))" } ?? ""
            parts.append("sealed to \(environment)-\(epoch)\(state)")
        } else if sealed {
            parts.append("a token that is not well-formed")
        } else {
            parts.append(selected ? "not sealed yet" : "no rule selects it")
        }
        if sealed, !selected { parts.append("no rule selects it") }
        if let scope, let place { parts.append("scope \(scope): \(place)") }
        if let members, !members.isEmpty { parts.append("for \(members.joined(separator: ", "))") }
        if let opens { parts.append(opens ? "opens" : "does not open: \(problem ?? "")") }
        return parts.joined(separator: "; ")
    }
}
