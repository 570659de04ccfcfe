internal import Files
internal import Processes
internal import Sodium

/// Runs what is to be run after a change of a target.
struct CompletionRun {
    private let target: String
    private let tree: OpenedTree

    /// Bytes of its output that are taken; nobody reads them.
    private static let outputLimit = 64 << 20

    init(_ target: String, _ tree: OpenedTree) {
        self.target = target
        self.tree = tree
    }

    /// Runs `completion` for what was delivered to `place`, the directory itself. Throws `reloadFailed`.
    func run(_ completion: FilesTarget.Completion, in place: Path?) throws(DeliveryError) {
        switch completion {
        case .program(let program): try run(program)
        case .compose(var program, let project, let files):
            guard let place else {
                throw DeliveryError(.reloadFailed, "target \(target): nothing is delivered")
            }
            program.arguments += ["--project-name", project, "--project-directory", "\(place)"]
            for file in files { program.arguments += ["--file", "\(place.appending(file))"] }
            program.arguments += ["up", "--detach", "--remove-orphans"]
            try run(program)
        }
    }

    /// Runs `program`. Throws `reloadFailed`.
    func run(_ program: ChildProgram) throws(DeliveryError) {
        let run = ProgramRun(
            program: program, purpose: "target \(target): delivered, but \(program.arguments[0])",
            failure: .reloadFailed, outputLimit: CompletionRun.outputLimit
        ) { [tree] () throws(DeliveryError) in try SecretIndex(tree) }
        _ = try Array<UInt8>().withBytes { (none) throws(DeliveryError) in try run.run(none, mustRead: false)
        }
    }
}

extension Directory {
    /// Present from before a change until the command after it has run.
    private static var completionName: Path { "completion" }

    /// Whether a command is still to be run after a change.
    borrowing func isCompletionDue() throws(FileError) -> Bool {
        try metadataIfPresent(of: Directory.completionName) != nil
    }

    /// Notes it, durably.
    borrowing func noteCompletion() throws(FileError) {
        guard try !isCompletionDue() else { return }
        try createFile(Directory.completionName).synchronize()
        try synchronize()
    }

    /// Forgets it, durably.
    borrowing func forgetCompletion() throws(FileError) {
        guard try isCompletionDue() else { return }
        try removeFile(Directory.completionName)
        try synchronize()
    }
}
