import Files
import Glibc

// What CrashPoints runs to see that writing holds its promise: writes standard input to a file, as `WriteProbe
// DIRECTORY NAME [never]`, after clearing what killed runs left. Exit code 0, or 1 with the failure printed.
do {
    let arguments = CommandLine.arguments
    guard arguments.count > 2 else { exit(2) }
    let content = try Descriptor(adopting: STDIN_FILENO, path: "-").readAll(limit: 1 << 20)
    let directory = try Directory(Path(arguments[1]))
    try directory.removeStaleTemporaries()
    try directory.write(content, to: Path(arguments[2]), arguments.count > 3 ? .never : .ownFile)
} catch {
    print("failed: \(error)")
    exit(1)
}
