internal import ArgumentParser
internal import Assembly
internal import Git
internal import Glibc
internal import Keyrings

/// The hidden verb that fetches: what `FetchProcess` starts, with the request on its standard input.
struct FetchChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch-child", abstract: "Serve one fetch to the process that started this.",
        shouldDisplay: false)

    /// This binary as the process that fetches.
    static let process = FetchProcess(program: ["/proc/self/exe", "fetch-child"])

    /// How repositories are fetched with credentials that `identities` open.
    static func access(_ identities: [MemberIdentity]) -> SourceAccess {
        SourceAccess(process: process, identities: identities, user: geteuid())
    }

    func run() throws { Glibc.exit(FetchChild.serve()) }
}
