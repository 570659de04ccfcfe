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
            epoch keeps its bytes, but for --all. Each file is replaced as a whole; a run that was stopped is finished \
            by another. Old commits keep their ciphertext: after somebody has left, change the secrets themselves.
            """)

    @Argument(
        help: ArgumentHelp("Files or directories of this repository. Default: all of it.", valueName: "path"))
    var paths: [String] = []

    @OptionGroup var list: FileListOption

    @Flag(help: "Seal anew also what is sealed to the newest epoch.")
    var all = false

    @Flag(help: "Say what would be resealed, and change nothing.")
    var dryRun = false

    @Flag(help: "Print what was resealed as JSON.")
    var json = false

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let checkout = try Checkout(around: paths.first.map { Path($0).parent.description } ?? ".")
        var own: [MemberIdentity]?
        let resealer = TreeResealer(checkout, dryRun: dryRun, all: all) { environment in
            let loaded = try own ?? identities.load()
            own = loaded
            return try checkout.resealingKeys(environment, with: loaded, trust: trust)
        }
        let places = try checkout.places(of: paths, and: list)
        let resealing = try checkout.locked(.exclusive, if: !dryRun) {
            try TreeResealing(checkout, at: places, with: resealer, dryRun: dryRun) { change in
                if !json { Console.print(TreeResealing.line(change)) }
            }
        }
        if json { try Console.json(resealing.changes.map { ResealedDocument($0) }) }
        resealing.report()
        try resealing.finish()
    }
}
