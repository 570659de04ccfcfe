import Support
import Testing

/// Checks how a command ended: exit code, one line of error that holds `words`, and no secret in it.
func expect(
    _ outcome: ShellCommand.Outcome, _ status: Int32, _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let lines = outcome.errorText.split(separator: "\n")
    let errors = lines.filter { $0.hasPrefix("strongroom: error: ") }
    #expect(outcome.status == status, "\(outcome.errorText)", sourceLocation: sourceLocation)
    #expect(errors.count == (status == 0 ? 0 : 1), "\(outcome.errorText)", sourceLocation: sourceLocation)
    for word in words {
        let place = status == 0 ? outcome.errorText : errors.joined()
        #expect(place.contains(word), "\(outcome.errorText)", sourceLocation: sourceLocation)
    }
    #expect(!outcome.errorText.contains("CANARY"), "a secret in stderr", sourceLocation: sourceLocation)
    #expect(
        !outcome.errorText.contains("AGE-SECRET-KEY"), "a key in stderr", sourceLocation: sourceLocation)
}

/// What killed runs may leave for a moment and no finished run may: names of temporary files and directories
/// below `path`.
func leftovers(below path: String) -> [String] {
    let names = [
        "*.tmp-*", "building-*", "switch-*", "*.new-*", "pack_git2_*", "incoming", "*-journal", "*-wal",
    ]
    let tests = names.flatMap { ["-o", "-name", $0] }.dropFirst()
    return ShellCommand.run("find", [path, "-mindepth", "1", "("] + tests + [")"]).text
        .split(separator: "\n").map(String.init)
}
