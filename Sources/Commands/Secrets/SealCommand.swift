internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom seal`: seals in place what the rules choose, with public keys alone.
struct SealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "Seal what the rules choose, in place, with public keys alone.",
        discussion: """
            Values become tokens and every other byte of a file stays; files of a rule with 'sealed: file' become age \
            files. What is sealed already is left as it is.
            """)

    @Argument(help: ArgumentHelp("Files of this repository.", valueName: "file"), completion: .file())
    var files: [String] = []

    @OptionGroup var list: FileListOption

    @Flag(help: "Say what would be sealed, and change nothing.")
    var dryRun = false

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        guard !files.isEmpty || list.pathsFrom != nil else {
            throw ValidationError("missing expected argument '<file> ...'")
        }
    }

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let files = try files.map { Path($0) } + list.names()
        for file in files where try Process.canonicalIfDirectory(file.description) != nil {
            throw Failure(
                .deliveryFailed, "\(file): is a directory",
                hints: ["name its files: git ls-files -z \(file) | strongroom seal --paths-from -"])
        }
        let paths = try files.map { try checkout.path(of: $0) }
        try checkout.locked(.shared, if: !dryRun) { try seal(Array(zip(files, paths)), checkout) }
    }

    private func seal(_ files: [(Path, [UInt8])], _ checkout: Checkout) throws {
        let environments = Set(files.compactMap { checkout.rules.rule(for: $0.1)?.environment })
        let keys = try checkout.sealingKeys(environments, trust: trust)
        for (file, path) in files {
            guard let rule = checkout.rules.rule(for: path) else {
                throw Failure(
                    .usage, "\(file): no rule is for this file: 0 values matched",
                    hints: ["add a rule to \(Rules.fileName)"])
            }
            guard let key = keys[rule.environment] else { continue }
            switch rule.treatment {
            case .values: try sealValues(file, path, checkout, keys, key)
            case .file: try sealFile(file, path, checkout, rule, key)
            }
        }
    }

    private func sealValues(
        _ file: Path, _ path: [UInt8], _ checkout: Checkout, _ keys: [String: EnvironmentPublicKey],
        _ key: EnvironmentPublicKey
    ) throws {
        let work = try WorkFile(file)
        // Plaintext until it is sealed: nobody else holds it by then.
        var bytes = try work.read(limit: DocumentLimits().byteCount)
        defer { bytes.wipe() }
        let outcome = try checkout.sealer(keys).seal(bytes, path: path)
        let kept = outcome.keptCount > 0 ? ", \(outcome.keptCount) sealed before" : ""
        let verb = dryRun ? "would seal" : "sealed"
        if outcome.sealedCount > 0, !dryRun { try outcome.bytes.withBytes { try work.replace(with: $0) } }
        Console.note(
            "\(file): \(verb) \(outcome.sealedCount) \(outcome.sealedCount == 1 ? "value" : "values") to "
                + "\(key.environment)-\(key.epoch)\(kept)")
    }

    private func sealFile(
        _ file: Path, _ path: [UInt8], _ checkout: Checkout, _ rule: Rule, _ key: EnvironmentPublicKey
    ) throws {
        let work = try WorkFile(file)
        guard try !isSealed(work, path, checkout, rule) else {
            Console.note("\(file): sealed 0 files, sealed before")
            return
        }
        guard !dryRun else {
            Console.note("\(file): would seal the file to \(key.environment)-\(key.epoch)")
            return
        }
        var encryptor = try SealedFile.encryptor(to: key, repository: checkout.rules.repository, path: path)
        var target = try work.replacement()
        try work.content.seek(to: 0)
        try encryptor.update(reading: { try work.content.read(into: &$0) }) { try target.write($0) }
        try encryptor.finish { try target.write($0) }
        try target.commit()
        Console.note("\(file): sealed the file to \(key.environment)-\(key.epoch)")
    }

    /// The longest header that a sealed file has, with room to spare.
    private static let headerLimit = 4096

    /// Whether the file is sealed for its place already. Any other age file is refused: it would be sealed twice, or
    /// taken for sealed.
    private func isSealed(
        _ work: borrowing WorkFile, _ path: [UInt8], _ checkout: Checkout, _ rule: Rule
    ) throws -> Bool {
        let head = try work.head(SealCommand.headerLimit)
        let isBinary = head.withBytes { SealedFile.isAgeFile($0) }
        guard isBinary || head.withBytes({ Armor.isArmored($0) }) else { return false }
        let epochs = try checkout.keyring(rule.environment).body.epochs.map(\.number)
        if isBinary, let header = try? head.withBytes({ try AgeHeader(parsing: $0) }),
            (try? SealedFile.epoch(
                of: header, environment: rule.environment, epochs: epochs,
                repository: checkout.rules.repository, path: path)) != nil
        {
            return true
        }
        throw Failure(
            .refused, "\(work.name): an age file that was not sealed for this place",
            hints: ["open it first, and seal its content"])
    }
}
