internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom edit`: a file opened in the user's editor and sealed again, for members.
struct EditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Edit a sealed file in your editor; for members.",
        discussion: """
            Opens the file in memory (/dev/shm, mode 0700), runs VISUAL, else EDITOR, else vi, and seals what comes \
            back. Values that are what they were keep their ciphertext. Where the editor fails, nothing changes; \
            nothing is left behind, also after SIGTERM, SIGINT and SIGHUP.
            """)

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        let rule = try checkout.rule(for: path, file)
        let own = try identities.load()
        let keys = try checkout.resealingKeys(rule.environment, with: own, trust: trust)
        let sealed = try content()
        let opened = try DocumentOpener(rules: checkout.rules, keyring: keys.opened, enforcing: false)
            .openFile(sealed, path: path)
        SignalWatch.begin()
        defer { SignalWatch.end() }
        let directory = try PrivateDirectory()
        defer { directory.remove() }
        let name = Path(file).name.bytes
        try opened.bytes.withBytes { try directory.write($0, to: name, mode: 0o600) }
        while true {
            try runEditor(on: "\(directory.path)/\(Path(file).name)")
            var edited = try directory.read(name, limit: DocumentLimits().byteCount)
            defer { edited.wipe() }
            let isSame = opened.bytes.withBytes { old in
                edited.withBytes { old.byteCount == $0.byteCount && Sodium.isEqual(old, $0) }
            }
            guard !isSame else { return Console.note("\(file): unchanged") }
            do {
                // The keyring may have a new epoch since the editor began.
                return try checkout.locked(.shared) {
                    let keys = try checkout.resealingKeys(rule.environment, with: own, trust: trust)
                    let (result, words) = try seal(edited, over: sealed, path, rule, keys, checkout)
                    try replace(sealed, with: result, words)
                }
            } catch let error as SealingError {
                guard Console.isInputTerminal else { throw error }
                Console.note("strongroom: error: \(error.context)")
                Console.note("strongroom: press Enter to edit again, or end the input to give up")
                guard readLine() != nil else { throw error }
            }
        }
    }

    private func content() throws -> [UInt8] {
        try WorkFile(file).read(limit: DocumentLimits().byteCount)
    }

    private func runEditor(on path: String) throws {
        let editor = Process.variable("VISUAL") ?? Process.variable("EDITOR") ?? "vi"
        SignalWatch.setEditing(true)
        defer { SignalWatch.setEditing(false) }
        // The variable is a command line, as it is for git and others.
        let status = try ChildRun.run(["/bin/sh", "-c", "\(editor) \"$1\"", "sh", path], .ends)
        try SignalWatch.check()
        guard status == 0 else {
            throw Failure(
                .inputOutput, "\(file): the editor ended with \(status): nothing was changed",
                hints: ["VISUAL or EDITOR names the editor"])
        }
    }

    private func seal(
        _ edited: [UInt8], over sealed: [UInt8], _ path: [UInt8], _ rule: Rule, _ keys: TreeResealer.Keys,
        _ checkout: Checkout
    ) throws -> ([UInt8], String) {
        if case .file = rule.treatment {
            let result = try edited.withBytes { (content) throws(SealingError) in
                try SealedFile.seal(
                    content, to: keys.newest, repository: checkout.rules.repository, path: path)
            }
            return (result, "sealed the file")
        }
        let outcome = try checkout.sealer([rule.environment: keys.newest]).seal(
            edited, replacing: sealed, with: keys.opened, path: path)
        let values = outcome.sealedCount == 1 ? "1 value" : "\(outcome.sealedCount) values"
        return (outcome.bytes, "sealed \(values), \(outcome.keptCount) kept")
    }

    private func replace(_ sealed: [UInt8], with result: [UInt8], _ words: String) throws {
        let work = try WorkFile(file)
        guard try work.read(limit: DocumentLimits().byteCount) == sealed else {
            throw Failure(.locked, "\(file): changed while it was edited: nothing was written")
        }
        try SignalWatch.check()
        try result.withBytes { try work.replace(with: $0) }
        Console.note("\(file): \(words)")
    }
}
