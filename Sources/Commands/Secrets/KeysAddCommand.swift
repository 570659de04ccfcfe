internal import ArgumentParser
internal import Files
internal import Keyrings
internal import SSH

/// `strongroom keys add`: more members, admins, or other roles.
struct KeysAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add members to an environment, or admins.",
        discussion: """
            RECIPIENT is age1… or an SSH public key line of type ssh-ed25519. NAME alone takes its keys from \
            --github-keys-file, or with --role names a member whose roles change. The keyring is signed as a new \
            generation; what is sealed stays as it is.
            """)

    @Argument(help: ArgumentHelp("Who can open from now on.", valueName: "name=recipient"))
    var members: [String] = []

    @Option(help: "Which epochs the new members can open: current (and later ones), or all.")
    var epochs = "current"

    @Option(help: ArgumentHelp("A role; repeatable. 'none' for no role.", valueName: "escrow|drill|none"))
    var role: [String] = []

    @Option(
        help: ArgumentHelp(
            "An authorized_keys-style file (as github.com/USER.keys) with the keys of the one NAME.",
            valueName: "file"))
    var githubKeysFile: String?

    @Option(
        help: ArgumentHelp(
            "Another environment of this repository, whose members can open this one too; repeatable.",
            valueName: "name"))
    var memberEnvironment: [String] = []

    @OptionGroup var admins: AdminOptions
    @OptionGroup var options: KeyringOptions

    func validate() throws {
        guard EpochChoice(rawValue: epochs) != nil else {
            throw ValidationError("--epochs is current or all")
        }
        guard
            !members.isEmpty || !memberEnvironment.isEmpty || !admins.admin.isEmpty
                || admins.threshold != nil
        else { throw ValidationError("nobody to add: name a member, --member-environment or --admin") }
        if githubKeysFile != nil, members.count != 1 || members[0].contains("=") {
            throw ValidationError("--github-keys-file goes with exactly one NAME")
        }
    }

    func run() async throws {
        let roles = try self.roles()
        let work = try KeyringWork.begin(
            options, needsIdentity: !members.isEmpty || !memberEnvironment.isEmpty)
        try work.checkNothingPends()
        var body = work.keyring.body
        var newcomers: [Member] = []
        for text in members {
            if let split = text.firstIndex(of: "=") {
                newcomers.append(
                    try Member(
                        name: String(text[..<split]), recipient: String(text[text.index(after: split)...]),
                        roles: roles ?? []))
            } else if let githubKeysFile {
                newcomers += try keys(in: githubKeysFile, of: text, roles: roles ?? [])
            } else {
                guard let roles else {
                    throw Failure(
                        .usage, "\(text): expected NAME=RECIPIENT",
                        hints: ["--github-keys-file FILE, or --role for a member that is there"])
                }
                body = try body.settingRoles(roles, of: text)
            }
        }
        newcomers += try environments(work, roles ?? [])
        if !newcomers.isEmpty {
            body = try body.adding(
                newcomers, epochs: EpochChoice(rawValue: epochs) ?? .current, opened: try work.opened())
        }
        let proposal = try KeyringProposal(
            after: work.keyring, body: body,
            admins: try work.keyring.admins(adding: try admins.admin.map(AdminSigner.publicKey)),
            threshold: admins.threshold)
        guard try await work.publish(proposal) != nil else { return }
        for member in newcomers {
            Console.note("strongroom: \(work.keyring.environment): added \(member.name)")
        }
    }

    private func roles() throws -> Set<Member.Role>? {
        guard !role.isEmpty else { return nil }
        return Set(
            try role.compactMap { word in
                if word == "none" { return nil }
                guard let role = Member.Role.allCases.first(where: { $0.name == word }) else {
                    throw Failure(.usage, "--role: escrow, drill or none")
                }
                return role
            })
    }

    /// A member for each usable key of the file: NAME where there is one, else NAME-1, NAME-2 and so on.
    private func keys(in file: String, of name: String, roles: Set<Member.Role>) throws -> [Member] {
        try Failure.about(file) {
            let path = Path(file)
            let text = try Directory(path.parent).read(path.name, limit: AuthorizedKeys.byteLimit)
            let found = try AuthorizedKeys(parsing: text)
            let usable = found.entries.compactMap { try? SSHEd25519Recipient(key: $0.key) }
            let passedOver = found.entries.count - usable.count + found.passedOver.count
            guard !usable.isEmpty else { throw Failure(.usage, "no key of type ssh-ed25519 in it") }
            if passedOver > 0 {
                Console.note(
                    "strongroom: \(file): passed over \(passedOver) keys of other types than ssh-ed25519")
            }
            return try usable.enumerated().map { index, recipient in
                try Member(
                    name: usable.count == 1 ? name : "\(name)-\(index + 1)",
                    recipient: .sshEd25519(recipient), roles: roles)
            }
        }
    }

    /// Members that are other environments: their newest keys, out of trusted keyrings.
    private func environments(
        _ work: borrowing KeyringWork, _ roles: Set<Member.Role>
    ) throws -> [Member] {
        guard !memberEnvironment.isEmpty else { return [] }
        let set = try work.checkout.keyrings()
        return try memberEnvironment.map { name in
            let other = try work.checkout.keyring(name)
            try options.trust.verify(other, of: work.checkout, sealing: true)
            try set.check(name, asMemberOf: work.keyring.environment)
            return try Member(name: name, recipient: .environment(other.sealingKey), roles: roles)
        }
    }
}
