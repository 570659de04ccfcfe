internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Keyrings
internal import SSH
internal import Trust

/// What every change of a store's configuration takes.
struct StoreKeysOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The admin's OpenSSH key that signs the change. Default: one of the identity.", valueName: "file")
    )
    var signingKey: String?

    @Flag(help: "Say what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Print the keys as they are then as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions
}

/// A change of a store's configuration, from the look at the store to the pin.
struct StoreKeysWork {
    /// The store that was chosen.
    let choice: StoreOptions.Choice
    /// The store as it is.
    let store: Store
    /// The caller's identities; none where there are none and none is needed.
    let identities: [MemberIdentity]
    private let options: StoreKeysOptions

    /// Verifies the store. Without `needsIdentity` a signing key alone will do.
    init(_ options: StoreKeysOptions, needsIdentity: Bool) async throws {
        self.options = options
        choice = try options.store.choose()
        let isOptional = !needsIdentity && options.signingKey != nil
        let files = options.store.identities
        let defaults = choice.identityFiles
        identities =
            try isOptional ? (try? files.load(defaults: defaults)) ?? [] : files.load(defaults: defaults)
        store = try await choice.verified()
    }

    /// Signs and writes the change, and remembers its generation; `summary` says what it is in a few words.
    func commit(_ renewal: StoreRenewal, _ summary: String) async throws {
        guard renewal.isChange else {
            Console.note("strongroom: \(choice.location): nothing to change")
            return try show(store)
        }
        let signer = try AdminSigner.find(
            keyFile: options.signingKey, repository: nil, identity: identities.first)
        guard store.chain.newest.admins.contains(signer.publicKey) else {
            throw Failure(
                .refused, "\(choice.location): \(signer.publicKey.fingerprint) is no admin of this store",
                hints: ["--signing-key FILE names an admin's key; store keys list shows the admins"])
        }
        guard !options.dryRun else {
            Console.note("strongroom: would write generation \(store.generation + 1): \(summary)")
            return try show(store)
        }
        let next = try await renewal.commit { header in try await signer.sign(header) }
        choice.record(next)
        Console.note("strongroom: generation \(next.generation): \(summary)")
        try show(next)
    }

    private func show(_ store: Store) throws {
        if options.json { try Console.json(StoreKeysDocument(store)) }
    }
}
