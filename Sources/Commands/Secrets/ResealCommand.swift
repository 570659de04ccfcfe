internal import ArgumentParser
internal import Files
internal import Keyrings
internal import Sealing

/// `strongroom reseal`: what is sealed to closed epochs, sealed anew to the newest, for members.
struct ResealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reseal", abstract: "Seal what old epochs hold anew to the newest; for members.",
        discussion: """
            Takes the whole repository, or the files and directories that are named. What is sealed to the newest \
            epoch keeps its bytes. Each file is replaced as a whole; a run that was stopped is finished by another. \
            Old commits keep their ciphertext: after somebody has left, change the secrets themselves.
            """)

    @Argument(
        help: ArgumentHelp("Files or directories of this repository. Default: all of it.", valueName: "path"))
    var paths: [String] = []

    @Flag(help: "Say what would be resealed, and change nothing.")
    var dryRun = false

    @Flag(help: "Print what was resealed as JSON.")
    var json = false

    @OptionGroup var list: FileListOption
    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: paths.first.map { Path($0).parent.description } ?? ".")
        var own: [MemberIdentity]?
        var resealer = TreeResealer(checkout, dryRun: dryRun) { environment in
            let loaded = try own ?? identities.load()
            own = loaded
            return try checkout.resealingKeys(environment, with: loaded, trust: trust)
        }
        var changes: [TreeResealer.Change] = []
        var failures: [Failure] = []
        try checkout.forEachFile(at: try checkout.places(of: paths, and: list)) { path in
            do {
                guard let change = try resealer.reseal(path) else { return }
                changes.append(change)
                if !json { Console.print(line(change)) }
            } catch let error as SealingError {
                failures.append(Failure(error))
            }
        }
        if json { try Console.json(changes.map { ChangeDocument($0) }) }
        for failure in failures { Console.note("strongroom: error: \(failure.message)") }
        let values = changes.reduce(0) { $0 + $1.valueCount }
        let files = changes.count { $0.isFile }
        let verb = dryRun ? "would reseal" : "resealed"
        Console.note(
            "strongroom: \(verb) \(values) values in \(changes.count - files) files, and \(files) sealed files"
        )
        guard let first = failures.first else { return }
        throw Failure(
            first.code,
            "\(failures.count) \(failures.count == 1 ? "file was" : "files were") left as they are",
            hints: [
                "strongroom explain FILE says why a token does not open; strongroom rebind FILE takes up a move"
            ])
    }

    private func line(_ change: TreeResealer.Change) -> String {
        let what =
            change.isFile ? "the file" : "\(change.valueCount) \(change.valueCount == 1 ? "value" : "values")"
        let path = String(decoding: change.path, as: UTF8.self)
        return "\(path): \(what) to \(change.key.environment)-\(change.key.epoch)"
    }
}

/// A resealed file as `--json` shows it.
private struct ChangeDocument: Encodable {
    let path: String
    let values: Int
    let file: Bool
    let environment: String
    let epoch: UInt64

    init(_ change: TreeResealer.Change) {
        path = String(decoding: change.path, as: UTF8.self)
        values = change.valueCount
        file = change.isFile
        environment = change.key.environment
        epoch = change.key.epoch
    }
}
