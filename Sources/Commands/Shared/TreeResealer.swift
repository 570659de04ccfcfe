internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// Seals the tokens and sealed files of a repository's work tree anew to the newest epoch of their environments.
///
/// Each file is replaced as a whole or not at all, and what is at the newest epoch stays: a run that was stopped is
/// finished by another.
struct TreeResealer {
    /// What was done to one file.
    struct Change {
        /// From the root.
        let path: [UInt8]
        /// Tokens that were sealed anew; 0 for a sealed file.
        let valueCount: Int
        /// Whether the file itself was sealed anew.
        let isFile: Bool
        /// The key that it was sealed to.
        let key: EnvironmentPublicKey
    }

    /// A sealed file that can't be resealed; others can.
    struct FileLeft: Error {
        /// Why, with the file's name.
        let failure: Failure
    }

    /// The keys of an environment.
    struct Keys {
        /// Opened by a member.
        let opened: OpenedKeyring
        /// The numbers of all epochs.
        let epochs: [UInt64]
        /// The newest epoch's.
        let newest: EnvironmentPublicKey
        /// Of a branch whose keyring was rebased: its identities of epochs that have other numbers now.
        var former: OpenedKeyring?
    }

    private let checkout: Checkout
    private let isDryRun: Bool
    /// Whether what is sealed to the newest epoch is sealed anew too.
    private let isForced: Bool
    private let open: (String) throws -> Keys?
    private var keys: [String: Keys?] = [:]

    /// A resealer of the work tree of `checkout`; `open` gives the keys of an environment, once each, nil where its files
    /// stay as they are.
    init(
        _ checkout: Checkout, dryRun: Bool, all isForced: Bool = false,
        open: @escaping (String) throws -> Keys?
    ) {
        self.checkout = checkout
        isDryRun = dryRun
        self.isForced = isForced
        self.open = open
    }

    /// Reseals the file at `path` from the root. Returns nil where nothing was to be done.
    mutating func reseal(_ path: [UInt8]) throws -> Change? {
        guard let rule = checkout.rules.rule(for: path) else { return nil }
        let work = try WorkFile(checkout.place(path))
        let isAgeFile = try work.head(64).withBytes { SealedFile.isAgeFile($0) }
        if isAgeFile {
            guard case .file = rule.treatment else { return nil }
            return try resealFile(work, path, rule)
        }
        guard DocumentFormat(path: path) != nil else { return nil }
        let bytes = try work.read(limit: DocumentLimits().byteCount)
        guard SealedToken.containsMark(bytes) else { return nil }
        guard let keys = try keys(of: rule.environment) else { return nil }
        let outcome = try DocumentResealer(
            rules: checkout.rules, keyring: keys.opened, key: keys.newest, former: keys.former
        ).reseal(bytes, path: path, all: isForced)
        guard outcome.sealedCount > 0 else { return nil }
        if !isDryRun { try outcome.bytes.withBytes { try work.replace(with: $0) } }
        return Change(path: path, valueCount: outcome.sealedCount, isFile: false, key: keys.newest)
    }

    private mutating func resealFile(_ work: borrowing WorkFile, _ path: [UInt8], _ rule: Rule) throws
        -> Change?
    {
        guard let keys = try keys(of: rule.environment) else { return nil }
        let repository = checkout.rules.repository
        let (epoch, opened) = try about(path) {
            let header = try AgeHeader(of: work)
            let epoch = try SealedFile.epoch(
                of: header, environment: rule.environment, epochs: keys.epochs, repository: repository,
                path: path)
            let isFormer = keys.former.map {
                SealedFile.opens(header, with: $0, repository: repository, path: path)
            }
            return (epoch, isFormer == true ? keys.former ?? keys.opened : keys.opened)
        }
        guard isForced || epoch != keys.newest.epoch else { return nil }
        try about(path) {
            try SealedFile.reseal(
                work, opened, from: path, to: path, keys.newest, repository, isDryRun: isDryRun)
        }
        return Change(path: path, valueCount: 0, isFile: true, key: keys.newest)
    }

    /// Does `work` on the sealed file at `path`: what is wrong with that one leaves the others to be resealed.
    private func about<Result>(_ path: [UInt8], _ work: () throws -> Result) throws -> Result {
        func left(_ error: any Error) -> FileLeft {
            FileLeft(failure: Failure(error).at(String(decoding: path, as: UTF8.self)))
        }
        do {
            return try work()
        } catch let error as SealingError {
            throw left(error)
        } catch let error as AgeError {
            throw left(error)
        }
    }

    private mutating func keys(of environment: String) throws -> Keys? {
        if let known = keys[environment] { return known }
        let opened = try open(environment)
        keys[environment] = opened
        return opened
    }
}

extension AgeHeader {
    /// The header of `work`. Throws as `AgeHeader(parsing:)`.
    init(of work: borrowing WorkFile) throws {
        let head = try work.head(AgeHeader.byteLimit)
        self = try head.withBytes { (head) throws(AgeError) in try AgeHeader(parsing: head) }
    }
}

extension SealedFile {
    /// Replaces a sealed file by one to `key` at the path `new`, in constant memory: the plaintext goes from one
    /// cipher into the other. Nothing is replaced before the last byte was verified.
    static func reseal(
        _ work: borrowing WorkFile, _ keyring: OpenedKeyring, from old: [UInt8], to new: [UInt8],
        _ key: EnvironmentPublicKey, _ repository: RepositoryID, isDryRun: Bool
    ) throws {
        var opener = SealedFileOpener(keyring: keyring, repository: repository, path: old)
        var encryptor = try SealedFile.encryptor(to: key, repository: repository, path: new)
        var target = try work.replacement()
        try work.forEachPiece { piece in
            try opener.update(piece) { try encryptor.update($0) { try target.write($0) } }
        }
        try opener.finish { try encryptor.update($0) { try target.write($0) } }
        try encryptor.finish { try target.write($0) }
        if !isDryRun { try target.commit() }
    }
}

extension Checkout {
    /// The keys of `environment` for resealing, with one of `identities`: opened, and trusted for sealing.
    func resealingKeys(
        _ environment: String, with identities: [MemberIdentity], trust: TrustOptions
    ) throws -> TreeResealer.Keys {
        let keyring = try keyring(environment)
        try trust.verify(keyring, of: self, sealing: true)
        try requireNewestForSealing([keyring])
        let opened = try Failure.about(keyringPath(environment)) {
            try openThrough(keyring, with: identities)
        }
        return TreeResealer.Keys(
            opened: opened, epochs: keyring.body.epochs.map(\.number), newest: keyring.sealingKey)
    }
}
