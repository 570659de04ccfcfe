internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom rebind`: tokens that were moved, sealed anew for where they stand, for members.
struct RebindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebind", abstract: "Seal moved values anew for where they stand; for members.",
        discussion: """
            A token is bound to its place. After a file was renamed, an object or key moved, or a rule's scope changed, \
            this opens each token with the place it had, which Git history or --from tells, and seals it for where it \
            stands now. Look at the change first: whoever can write the file could have put another value's token there.
            """)

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The path, from the root, that the file had.", valueName: "path"))
    var from: String?

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        let rule = try checkout.rule(for: path, file)
        let own = try identities.load()
        try checkout.locked(.exclusive, if: !dryRun) {
            let keys = try checkout.resealingKeys(rule.environment, with: own, trust: trust)
            if case .file = rule.treatment {
                try rebindFile(path, rule, keys, checkout)
            } else {
                try rebindValues(path, keys, checkout)
            }
        }
    }

    private func rebindValues(_ path: [UInt8], _ keys: TreeResealer.Keys, _ checkout: Checkout) throws {
        let work = try WorkFile(file)
        let bytes = try work.read(limit: DocumentLimits().byteCount)
        let outcome = try rebound(bytes, path, keys, checkout)
        if outcome.sealedCount > 0, !dryRun { try outcome.bytes.withBytes { try work.replace(with: $0) } }
        report(outcome.sealedCount == 1 ? "1 value" : "\(outcome.sealedCount) values", outcome.keptCount)
    }

    private func rebound(
        _ bytes: [UInt8], _ path: [UInt8], _ keys: TreeResealer.Keys, _ checkout: Checkout
    ) throws -> DocumentSealer.Outcome {
        let places = OtherPlaces(of: bytes, at: path, from: from.map { Array($0.utf8) }, in: checkout)
        let resealer = DocumentResealer(rules: checkout.rules, keyring: keys.opened, key: keys.newest)
        do {
            return try resealer.rebind(bytes, path: path) { places.all($0) }
        } catch {
            guard error.code == .notAuthentic else { throw error }
            throw Failure(
                .cannotDecrypt, error.context,
                hints: ["--from PATH names the place that the file had, where history doesn't tell"])
        }
    }

    private func rebindFile(
        _ path: [UInt8], _ rule: Rule, _ keys: TreeResealer.Keys, _ checkout: Checkout
    ) throws {
        let work = try WorkFile(file)
        let header = try Failure.about(file) { try AgeHeader(of: work) }
        func isAt(_ path: [UInt8]) -> Bool {
            (try? SealedFile.epoch(
                of: header, environment: rule.environment, epochs: keys.epochs,
                repository: checkout.rules.repository, path: path)) != nil
        }
        guard !isAt(path) else { return report("0 files", 1) }
        guard let old = try former(isAt, checkout) else {
            throw Failure(
                .cannotDecrypt, "\(file): not sealed for any path that is known",
                hints: ["--from PATH names the place that the file had, where history doesn't tell"])
        }
        try SealedFile.reseal(
            work, keys.opened, from: old, to: path, keys.newest, checkout.rules.repository, isDryRun: dryRun)
        report("the file, which was at \(String(decoding: old, as: UTF8.self))", 0)
    }

    /// The path that the file was sealed for: the one that is named, else one of history.
    private func former(_ isAt: ([UInt8]) -> Bool, _ checkout: Checkout) throws -> [UInt8]? {
        if let from, isAt(Array(from.utf8)) { return Array(from.utf8) }
        return try PlaceHistory(checkout)?.paths().first(where: isAt)
    }

    private func report(_ what: String, _ kept: Int) {
        let rest = kept > 0 ? ", \(kept) in place" : ""
        Console.note("\(file): \(dryRun ? "would rebind" : "rebound") \(what)\(rest)")
    }
}
