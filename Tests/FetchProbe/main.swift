// The process that fetches, for tests of the floors below the program that otherwise is it. With `fetch URL MIRROR`
// it is the other side: it fetches by a process that is this program again, and prints the error's code.
import Files
import Git
import Glibc

if CommandLine.arguments.count == 4, CommandLine.arguments[1] == "fetch" {
    do throws(GitError) {
        _ = try Mirror.fetch(
            RemoteLocation(CommandLine.arguments[2], allowingPlainHTTP: true),
            into: Path(CommandLine.arguments[3]),
            FetchOptions(process: FetchProcess(program: ["/proc/self/exe"])))
        exit(0)
    } catch {
        print(error.code.rawValue, error.context)
        exit(1)
    }
}
exit(FetchChild.serve())
