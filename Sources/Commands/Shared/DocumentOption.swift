internal import ArgumentParser
internal import Sealing

/// Which document of a file is meant, on verbs that name one value.
struct DocumentOption: ParsableArguments {
    @Option(help: ArgumentHelp("Which document of the file, by number or object.", valueName: "n|kind/name"))
    var document: String?

    /// The document that is named; any, where none is. Throws `usage`.
    func selector() throws -> DocumentSealer.DocumentSelector {
        guard let document else { return .any }
        if let number = Int(document) { return .ordinal(number) }
        let parts = document.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Failure(.usage, "--document: expected a number from 0, or Kind/name")
        }
        return .object(kind: Array(parts[0].utf8), name: Array(parts[1].utf8))
    }
}
