import Files
import Glibc

// What CrashPoints runs to see that writing holds its promise: writes standard input to a file, as
// `WriteProbe DIRECTORY PATH [never]`, after making the path's directories and clearing what killed runs
// left. Exit code 0, or 1 with the failure printed.
do {
    let arguments = CommandLine.arguments
    guard arguments.count > 2 else { exit(2) }
    let content = try Descriptor(adopting: STDIN_FILENO, path: "-").readAll(limit: 1 << 20)
    let directory = try Directory(Path(arguments[1]))
    try directory.removeStaleTemporaries()
    let path = Path(arguments[2])
    if path.components.count > 1 { _ = try directory.makeDirectories(path.parent) }
    try directory.write(content, to: path, arguments.count > 3 ? .never : .ownFile)
} catch {
    print("failed: \(error)")
    exit(1)
}
