internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom open`: the original bytes of a sealed document or file, or of any age file, for members.
struct OpenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", _superCommandName: "strongroom",
        abstract: "Open a sealed file, or any age file, to standard output.",
        discussion:
            "All or nothing: where one token does not open, nothing is written. '-' is standard input.")

    @Argument(help: "A file of this repository, any age file, or '-'.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("Write to this file, mode 0600.", valueName: "path"))
    var output: String?

    @Flag(help: "Replace the sealed file, mode 0600.")
    var inPlace = false

    @Option(
        help: ArgumentHelp("The path in the repository of what comes from standard input.", valueName: "path")
    )
    var path: String?

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func validate() throws {
        guard output == nil || !inPlace else {
            throw ValidationError("--output and --in-place exclude each other")
        }
        guard file != "-" || !inPlace else { throw ValidationError("standard input cannot be replaced") }
        guard output != "-" else {
            throw ValidationError("--output takes a file; without it, standard output")
        }
    }

    func run() async throws {
        if file == "-" {
            let input = try Terminal.standardInput(raw: true)
            if path == nil, input.withBytes({ SealedFile.isAgeFile($0) || Armor.isArmored($0) }) {
                let opened = try input.withBytes { try Age.decrypt($0, with: try plainIdentities(in: ".")) }
                return try deliver { sink in try opened.withBytes { try sink($0) } }
            }
            guard path != nil else {
                throw Failure(
                    .usage, "from standard input, --path says where the file stands in the repository")
            }
            try openDocument(
                input.withBytes { $0.array }, try Checkout(around: "."), Array((path ?? "").utf8))
            return
        }
        let work = try WorkFile(file)
        let checkout = Result { try Checkout(around: Path(file).parent.description) }
        guard try !openSealedFile(work, try? checkout.get()) else { return }
        let head = try work.head(64)
        let isBinaryAge = head.withBytes { SealedFile.isAgeFile($0) }
        if isBinaryAge || head.withBytes({ Armor.isArmored($0) }) {
            try openAge(work)
        } else {
            let checkout = try checkout.get()
            let bytes = try work.read(limit: DocumentLimits().byteCount)
            try openDocument(bytes, checkout, try path.map { Array($0.utf8) } ?? checkout.path(of: file))
        }
    }

    private func openDocument(_ bytes: [UInt8], _ checkout: Checkout, _ path: [UInt8]) throws {
        guard let rule = checkout.rules.rule(for: path) else {
            throw Failure(
                .refused, "\(file): no rule is for this file", hints: ["add a rule to \(Rules.fileName)"])
        }
        let keyring = try checkout.opened(rule.environment, with: try identities.load(), trust: trust)
        let opened = try DocumentOpener(rules: checkout.rules, keyring: keyring, enforcing: false)
            .openFile(bytes, path: path)
        try deliver { sink in try opened.bytes.withBytes { try sink($0) } }
    }

    /// Opens a file that the rules seal whole; false where they don't. It must be a sealed file, whatever it begins
    /// with.
    private func openSealedFile(_ work: borrowing WorkFile, _ checkout: Checkout?) throws -> Bool {
        guard let checkout, let path = try? self.path.map({ Array($0.utf8) }) ?? checkout.path(of: file),
            let rule = checkout.rules.rule(for: path), case .file = rule.treatment
        else { return false }
        let keyring = try checkout.opened(rule.environment, with: try identities.load(), trust: trust)
        try Failure.about(file) {
            guard try work.head(64).withBytes({ SealedFile.isAgeFile($0) }) else {
                throw SealingError(.malformed, "not a sealed file, and the rule seals the whole file")
            }
        }
        let repository = checkout.rules.repository
        if !inPlace, output == nil {
            // What is written to standard output can't be taken back: the whole file is verified before.
            try Failure.about(file) {
                try pass(
                    work,
                    SealedFileOpener(keyring: keyring, repository: repository, path: path, verifying: true)
                ) { _ in }
            }
        }
        try deliver { sink in
            try Failure.about(file) {
                try pass(
                    work, SealedFileOpener(keyring: keyring, repository: repository, path: path), into: sink)
            }
        }
        return true
    }

    /// An ordinary age file, for the identities or the environments' keys.
    private func openAge(_ work: borrowing WorkFile) throws {
        let checkout = try? Checkout(around: Path(file).parent.description)
        let bytes = try work.read(limit: Age.byteLimit)
        let all = try plainIdentities(in: checkout == nil ? "." : Path(file).parent.description)
        let opened = try Failure.about(file) { try Age.decrypt(bytes, with: all) }
        try deliver { sink in try opened.withBytes { try sink($0) } }
    }

    /// The caller's identities, and those of the environments that they open in the repository around `directory`.
    private func plainIdentities(in directory: String) throws -> [any AgeIdentity] {
        let own = try identities.load()
        var all: [any AgeIdentity] = own
        guard let checkout = try? Checkout(around: directory) else { return all }
        for environment in Set(checkout.rules.rules.map(\.environment)).sorted() {
            guard let keyring = try? checkout.opened(environment, with: own, trust: trust) else { continue }
            all += keyring.epochs.compactMap { keyring[epoch: $0] }
        }
        return all
    }

    /// Hands all of `work` through `opener`.
    private func pass(
        _ work: borrowing WorkFile, _ opener: consuming SealedFileOpener, into sink: (RawSpan) throws -> Void
    ) throws {
        var opener = opener
        try work.content.seek(to: 0)
        try opener.update(reading: { try work.content.read(into: &$0) }, into: sink)
        try opener.finish { try sink($0) }
    }

    /// Hands the writer of the chosen place to `body`; the file is visible only when `body` has returned.
    private func deliver(_ body: ((RawSpan) throws -> Void) throws -> Void) throws {
        guard let name = inPlace ? file : output else {
            try body { try Console.write(span: $0) }
            return
        }
        let target = Path(name)
        let directory = try Directory(target.parent)
        // What a killed run left there is plaintext.
        try directory.removeStaleTemporaries(of: target.name)
        var written = try AtomicFile(target.name, in: directory)
        try body { try written.write($0) }
        try written.commit()
    }
}
