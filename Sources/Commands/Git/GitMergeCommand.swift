internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom git merge`: the merge driver (gitattributes(5), "Defining a custom merge driver").
struct GitMergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Merge a file by key path; called by Git.",
        discussion: """
            Leaves the result in OURS. Exit code 0: merged; 1: conflicts, marked in OURS. Needs no identity. What is no \
            document, or can't be told apart by key path, is merged by lines as git merge-file does. Keyrings are \
            never merged.
            """)

    @Argument(help: ArgumentHelp("The common ancestor's version (%O).", valueName: "base"))
    var base: String

    @Argument(help: ArgumentHelp("Our version, and the result (%A).", valueName: "ours"))
    var ours: String

    @Argument(help: ArgumentHelp("The other branch's version (%B).", valueName: "theirs"))
    var theirs: String

    @Argument(help: ArgumentHelp("The length of conflict markers (%L).", valueName: "size"))
    var markerSize: Int = 7

    @Argument(help: ArgumentHelp("The path in the repository (%P).", valueName: "path"))
    var path: String

    func validate() throws {
        guard (1...1000).contains(markerSize) else { throw ValidationError("a marker has 1 to 1000 signs") }
    }

    func run() async throws {
        let limit = DocumentLimits().byteCount
        let texts: [[UInt8]]
        do {
            texts = try [base, ours, theirs].map { try WorkFile($0).read(limit: limit) }
        } catch let error as FileError where error.code == .limit {
            return try await mergeLines()
        }
        try refuseKeyring(texts)
        guard let format = DocumentFormat(path: Array(path.utf8)) else { return try await mergeLines() }
        let merge: DocumentMerge
        do throws(SealingError) {
            merge = try DocumentMerge(
                base: texts[0], ours: texts[1], theirs: texts[2], format: format, path: Array(path.utf8),
                markerSize: markerSize)
        } catch {
            Console.note("strongroom: merged by lines, not by key: \(error.context)")
            return try await mergeLines(checking: texts, as: format)
        }
        try merge.bytes.withBytes { try WorkFile(ours).replace(with: $0) }
        guard merge.conflicts.isEmpty else {
            Console.note("strongroom: \(path): both sides changed \(merge.conflicts.joined(separator: ", "))")
            throw ExitCode(1)
        }
    }

    /// A keyring is a signed history: one side stays, and `keys rebase` puts the other's changes on top of it.
    private func refuseKeyring(_ texts: [[UInt8]]) throws {
        let components = path.split(separator: "/").map(String.init)
        guard let file = components.last, file.hasSuffix(".yaml") else { return }
        let folder = components.dropLast().joined(separator: "/")
        let environment = String(file.dropLast(".yaml".count))
        let keyrings = (try? Checkout(around: "."))?.rules.keyrings ?? "Keys"
        let isKeyring =
            folder == keyrings
            || texts.dropFirst().contains { (try? Keyring(parsing: $0, environment: environment)) != nil }
        guard isKeyring else { return }
        Console.note("strongroom: \(path): keyrings are never merged; ours stays")
        Console.note(
            "strongroom: hint: take the side that holds, then strongroom keys rebase for the other's changes")
        throw ExitCode(1)
    }

    /// Merges by lines into `ours`. A result that is no document although the three versions were is a conflict.
    private func mergeLines(checking texts: [[UInt8]] = [], as format: DocumentFormat? = nil) async throws {
        let outcome = try await GitProgram(directory: ".").run([
            "merge-file", "--marker-size=\(markerSize)", "-L", "ours", "-L", "base", "-L", "theirs",
            try Process.absolute(ours), try Process.absolute(base), try Process.absolute(theirs),
        ])
        guard outcome.status == 0 else { throw ExitCode(1) }
        guard let format else { return }
        let merged = try WorkFile(ours).read(limit: DocumentLimits().byteCount)
        let wereDocuments = texts.allSatisfy { $0.isEmpty || isDocument($0, format) }
        guard wereDocuments, !isDocument(merged, format) else { return }
        Console.note("strongroom: \(path): merged by lines, but the result is no well-formed document")
        throw ExitCode(1)
    }

    private func isDocument(_ bytes: [UInt8], _ format: DocumentFormat) -> Bool {
        (try? TextDocument(bytes, format: format, isSealed: SealedToken.isMarked)) != nil
    }
}
