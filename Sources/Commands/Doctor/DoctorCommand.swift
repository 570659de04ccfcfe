internal import ArgumentParser
internal import Assembly
internal import Files
internal import Glibc
internal import Keyrings
internal import Sealing
internal import Settings
internal import Trust

/// `strongroom doctor`: what is set up here, what is missing, and what to do about it.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what is set up here, what is missing, and what to do.",
        discussion: """
            Looks at identity files and who can read them, at rules, keyrings and pins of the repository around the \
            working directory, at Git's diff, merge driver and hook, and at a settings file where there is one. \
            Changes nothing, asks for no passphrase and needs no key. Exit code 0 where there is at most advice, 5 \
            where something does not work or is not safe.
            """)

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        var found = identityFindings()
        found += await repositoryFindings()
        found += settingsFindings()
        if json { try Console.json(found) } else { found.flatMap(\.lines).forEach { Console.print($0) } }
        let count = found.count { $0.level == .problem }
        guard count > 0 else { return }
        throw Failure(.refused, count == 1 ? "1 problem" : "\(count) problems")
    }

    // MARK: Identities

    private func identityFindings() -> [Diagnosis] {
        let paths: [String]
        do { paths = try identities.paths() } catch { return [.problem("identity", error)] }
        return paths.map { path in
            let whole = Path(path)
            guard let directory = try? Directory(whole.parent),
                (try? directory.metadataIfPresent(of: whole.name)) ?? nil != nil
            else {
                return .advice(
                    path, "no identity here: this machine can seal, and open nothing",
                    "strongroom keys new makes one, --identity FILE names another")
            }
            do {
                let files = IdentityFiles(user: geteuid()) { _ in throw Locked() }
                let loaded = try files.load([path])
                let recipients = loaded.map(\.recipient.text).joined(separator: ", ")
                return .good(path, "an identity that only you can read: \(recipients)")
            } catch is Locked {
                return .good(path, "an identity under a passphrase that only you can read")
            } catch {
                return .problem(path, error)
            }
        }
    }

    /// An identity file that has a passphrase.
    private struct Locked: Error {}

    /// The identities that open without a passphrase.
    private var own: [MemberIdentity] {
        let files = IdentityFiles(user: geteuid()) { _ in throw Locked() }
        return ((try? identities.paths()) ?? []).flatMap { (try? files.load([$0])) ?? [] }
    }

    // MARK: Repository

    private func repositoryFindings() async -> [Diagnosis] {
        guard let root = try? Checkout.root(around: ".") else {
            return [.advice(".", "not in a Git repository", "go into the repository of your configuration")]
        }
        let checkout: Checkout
        do { checkout = try Checkout(around: root) } catch { return [.problem(Rules.fileName, error)] }
        let count = checkout.rules.rules.count
        var found = [Diagnosis.good(Rules.fileName, count == 1 ? "1 rule" : "\(count) rules")]
        for environment in Set(checkout.rules.rules.map(\.environment)).sorted() {
            found += environmentFindings(environment, checkout)
        }
        return found + (await gitFindings(checkout))
    }

    private func environmentFindings(_ environment: String, _ checkout: Checkout) -> [Diagnosis] {
        let path = checkout.keyringPath(environment)
        let keyring: Keyring
        do { keyring = try checkout.keyring(environment) } catch { return [.problem(path, error)] }
        let members = keyring.body.members
        let count = members.count == 1 ? "1 member" : "\(members.count) members"
        let facts = "generation \(keyring.generation), epoch \(keyring.sealingKey.epoch), \(count)"
        var found = [Diagnosis.good(path, facts)]
        found.append(pinFinding(keyring, path, checkout))
        if !members.contains(where: { $0.roles.contains(.escrow) }) {
            found.append(
                .advice(
                    path, "no escrow member: when all members' identities are lost, so are the secrets",
                    "strongroom keys add NAME=RECIPIENT --role escrow, its identity kept offline"))
        }
        let admins = keyring.chain.newest.admins.count
        if admins == 1 {
            found.append(
                .advice(
                    path, "one admin key: when it is lost, nobody can change the members",
                    "strongroom keys add --admin FILE names a second one"))
        }
        if (try? checkout.openThrough(keyring, with: own)) != nil {
            found.append(.good(environment, "your identity opens it"))
        } else {
            found.append(
                .advice(
                    environment,
                    "no identity here opens it without a passphrase: sealing works, opening does not",
                    "a member adds yours with strongroom keys add"))
        }
        return found
    }

    private func pinFinding(_ keyring: Keyring, _ path: String, _ checkout: Checkout) -> Diagnosis {
        guard let directory = try? Locations.pins() else {
            return .advice(
                path, "not remembered, for neither XDG_STATE_HOME nor HOME is set: its root \(keyring.root)",
                "give the fingerprint with --trust or STRONGROOM_TRUST")
        }
        let outcome: Pins.Outcome?
        do {
            outcome = try Pins(directory: Path(directory)).look(
                at: keyring.chain, repository: checkout.rules.repository.description)
        } catch { return .problem(path, error) }
        switch outcome {
        case .same, .advanced: return .good(path, "follows from the pinned root \(keyring.root)")
        case nil, .pinnedNow:
            return .advice(
                path, "not pinned yet: its root is \(keyring.root)",
                "compare it with what an admin told you; the first verb that uses the keyring pins it")
        case .olderThanPin:
            return .problem(path, "older than one that was seen before", "pull the newest commit")
        case .sibling, .rootMismatch:
            return .problem(
                path, "another history than the one that was seen before",
                "ask an admin; strongroom keys rebase joins two branches' changes, keys trust takes this one")
        }
    }

    // MARK: Git

    private func gitFindings(_ checkout: Checkout) async -> [Diagnosis] {
        let setup = GitSetup(root: checkout.root)
        let install = "strongroom git install sets it up in this clone"
        var found: [Diagnosis] = []
        do {
            let missing = try await setup.missingSettings()
            found.append(
                missing.isEmpty
                    ? .good("git config", "diff and merge driver are set")
                    : .advice(
                        "git config", "not as it should be: \(missing.joined(separator: ", "))", install))
            let isCurrent = try setup.attributesAreCurrent(for: checkout.rules)
            found.append(
                isCurrent
                    ? .good(".gitattributes", "names the files of the rules")
                    : .advice(".gitattributes", "does not name the files of the rules as they are", install))
            let (path, isCalled) = try await setup.hookState()
            found.append(
                isCalled
                    ? .good(path, "refuses to commit plaintext")
                    : .advice(path, "nothing keeps plaintext from being committed", install))
            if isCalled, !Process.isInPath("strongroom") {
                found.append(
                    .problem(
                        path, "calls strongroom, which is not in PATH", "put it into a directory of PATH"))
            }
        } catch { found.append(.problem("git", error)) }
        return found
    }

    // MARK: Settings

    private func settingsFindings() -> [Diagnosis] {
        guard let path = try? settings.path() else { return [] }
        do {
            let read = try settings.read()
            let names = read.environments.keys.sorted().joined(separator: ", ")
            var found = [Diagnosis.good(path, "settings of \(names)")]
            let files = IdentityFiles(user: geteuid()) { _ in throw Locked() }
            for identity in read.identities {
                do {
                    _ = try files.load([identity])
                    found.append(.good(identity, "an identity of the service that only its user can read"))
                } catch is Locked {
                    found.append(
                        .problem(
                            identity, "has a passphrase, which a service can't type",
                            "give the service an identity of its own, without one"))
                } catch { found.append(.problem(identity, error)) }
            }
            return found
        } catch { return [.problem(path, error)] }
    }
}
