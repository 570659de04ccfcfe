internal import ArgumentParser
internal import Files

/// Names of files out of a list, on verbs that take many: names that are not UTF-8, and more than an argument list holds.
struct FileListOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Names of more files, separated by zero bytes, as find -print0 writes them; '-' is standard input.",
            valueName: "file"))
    var pathsFrom: String?

    private static let byteLimit = 64 << 20

    /// The names in the list; none where no list is given.
    func names() throws -> [Path] {
        guard let pathsFrom else { return [] }
        let bytes: [UInt8]
        if pathsFrom == "-" {
            bytes = try Terminal.standardInputList(limit: FileListOption.byteLimit)
        } else {
            let whole = Path(pathsFrom)
            bytes = try Directory(whole.parent).openFile(whole.name).readAll(limit: FileListOption.byteLimit)
        }
        guard bytes.isEmpty || bytes.last == 0 else {
            throw Failure(
                .usage, "\(pathsFrom): the last name does not end in a zero byte",
                hints: ["names are separated by zero bytes: find -print0, git ls-files -z"])
        }
        return bytes.split(separator: 0).map { Path(Array($0)) }
    }
}
