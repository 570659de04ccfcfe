internal import ArgumentParser
internal import Assembly
internal import Glibc
internal import Keyrings

/// Where private keys are found, on every verb that opens.
struct IdentityOptions: ParsableArguments {
    @Option(
        name: .customLong("identity"),
        help: ArgumentHelp(
            "A file of identities; repeatable. Else STRONGROOM_IDENTITY, else the user's own identity.",
            valueName: "file"))
    var files: [String] = []

    @Flag(help: "Use identity files that other users can read. They should not be able to.")
    var allowExposedIdentity = false

    /// The files that are named, or the one that the environment or the user's configuration names.
    func paths() throws -> [String] {
        if !files.isEmpty { return files }
        if let path = Process.variable("STRONGROOM_IDENTITY") { return [path] }
        return [try Locations.identity()]
    }

    /// Whether an option or a variable names one.
    var isNamed: Bool { !files.isEmpty || Process.variable("STRONGROOM_IDENTITY") != nil }

    /// The identities of `paths()`, or of `defaults` where the caller has better ones and none is named.
    func load(defaults: [String] = []) throws -> [MemberIdentity] {
        return try IdentityOptions.files(allowExposed: allowExposedIdentity)
            .load(isNamed || defaults.isEmpty ? paths() : defaults)
    }

    /// Reads key files where nobody is there to type a passphrase.
    static func unattended() -> IdentityFiles {
        IdentityFiles(user: geteuid()) { path in
            throw Failure(
                .usage, "\(path): has a passphrase, and a service has nobody to type it",
                hints: ["strongroom keys new makes an identity without one, for a machine"])
        }
    }

    /// Reads key files as the user of this process.
    static func files(allowExposed: Bool) -> IdentityFiles {
        IdentityFiles(user: geteuid(), allowExposed: allowExposed) { path in
            try Terminal.ask("passphrase of \(path)")
        }
    }
}
