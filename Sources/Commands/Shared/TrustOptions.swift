internal import ArgumentParser
internal import Files
internal import Keyrings
internal import Sealing
internal import Trust

/// Which keyrings are trusted: a fingerprint, or what this user has seen before.
struct TrustOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The fingerprint of the keyring's first generation. Else STRONGROOM_TRUST=ENV=FINGERPRINT, else the pin.",
            valueName: "fingerprint"))
    var trust: String?

    /// The fingerprint that is asked for; nil where the pin decides.
    func fingerprint(for environment: String) throws -> Fingerprint? {
        if let trust { return try Failure.about("--trust") { try Fingerprint(text: trust) } }
        guard let variable = Process.variable("STRONGROOM_TRUST") else { return nil }
        for pair in variable.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Failure(.usage, "STRONGROOM_TRUST: expected ENVIRONMENT=FINGERPRINT, joined by commas")
            }
            guard parts[0] == environment else { continue }
            return try Failure.about("STRONGROOM_TRUST") { try Fingerprint(text: String(parts[1])) }
        }
        return nil
    }

    /// Compares `keyring` with what is trusted, pins it at first sight, and says so. Throws `refused` where it must
    /// not be used for what is asked: `sealing` needs the newest that was seen.
    func verify(_ keyring: Keyring, of checkout: Checkout, sealing: Bool) throws {
        let root = try fingerprint(for: keyring.environment)
        let path = checkout.keyringPath(keyring.environment)
        guard let directory = try? Locations.pins() else {
            guard root == nil || root == keyring.root else { throw wrongRoot(keyring, path) }
            Console.note(
                "strongroom: \(path): root \(keyring.root); not remembered, for neither XDG_STATE_HOME nor HOME is set"
            )
            return
        }
        let verdict = try Pins(directory: Path(directory)).check(
            keyring.chain, repository: checkout.rules.repository.description, trusting: root)
        if let error = verdict.notWritten {
            Console.note("strongroom: the keyring could not be pinned (\(error.description)); going on")
        }
        switch verdict.outcome {
        case .same, .advanced: return
        case .pinnedNow(let fingerprint):
            Console.note("strongroom: \(path): trusting its root from now on: \(fingerprint)")
            if root == nil {
                Console.note(
                    "strongroom: compare it with what an admin has told you, or give it with --trust")
            }
        case .olderThanPin where !sealing:
            Console.note("strongroom: \(path): an older generation than one that was seen before")
        case .olderThanPin:
            throw Failure(
                .refused,
                "\(path): an older generation than one that was seen before; nothing is sealed to it",
                hints: ["pull the newest commit"])
        case .sibling:
            throw Failure(
                .refused, "\(path): another history than the one that was seen before",
                hints: [
                    "two branches may have changed it: strongroom keys rebase joins them, strongroom keys trust takes this one"
                ])
        case .rootMismatch: throw wrongRoot(keyring, path)
        }
    }

    private func wrongRoot(_ keyring: Keyring, _ path: String) -> Failure {
        Failure(
            .refused, "\(path): its root \(keyring.root) is not the trusted one",
            hints: [
                "somebody may have replaced the keyring; ask an admin for the fingerprint and give it with --trust"
            ])
    }
}
