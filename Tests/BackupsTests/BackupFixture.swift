import Archives
import Backups
import Encodings
import Files
import Glibc
import SSH
import Sodium
import Storage
import Support
import Synchronization

/// A store in a scratch directory with its opened keys, and room for what is backed up and restored.
final class BackupFixture: Sendable {
    let scratch = TemporaryDirectory("backups")
    let store: Store
    let write: WriteKey
    let read: ReadIdentity
    private let agent: AgentKey
    private let time = Mutex<Int64>(1_700_000_000)

    init() async throws {
        try Sodium.start()
        let objects = try DirectoryStore.create(at: Path(scratch.file("store")))
        let creation = StoreCreation()
        let signer = SigningKey()
        agent = AgentKey(seed: SecretBytes(randomCount: 32))
        store = try await creation.create(
            in: objects, wrappedRead: Array("wrapped read".utf8), wrappedWrite: Array("wrapped write".utf8),
            admins: [signer.publicKey], signer: signer,
            agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add])])
        write = try store.writeKey(creation.writeSecret)
        read = try store.readIdentity(creation.readSecret)
    }

    /// The process's own user and group.
    static var user: FileOwner { FileOwner(user: geteuid(), group: getegid()) }

    func writer() async throws -> StoreWriter {
        try await StoreWriter(
            store, write: [write], agent: agent,
            presence: SessionPresence(
                holder: LeaseHolder(host: "host", boot: "", processNamespace: 0, process: 1, processStart: 0),
                boot: { .zero }, clock: { Timestamp(nanoseconds: 0) },
                wait: { _ in try await Task.sleep(for: .seconds(86_400)) }, isGone: { _ in false }),
            options: WriterOptions(parallelism: 2))
    }

    func reader() async throws -> StoreReader {
        try await StoreReader(store, write: [write], read: [read])
    }

    /// A second later than the last call.
    func now() -> Timestamp {
        let seconds = time.withLock { time in
            time += 1
            return time
        }
        return Timestamp(nanoseconds: seconds * 1_000_000_000)
    }

    /// Backs up `sources` at `commits` of the source `config`, told one after the other, again and again: two make it torn.
    /// Without a `memory` nothing is remembered.
    @discardableResult
    func backUp(
        _ sources: [BackupSource] = [.documents(name: "config", [.init(path: [0x61], bytes: [1, 2, 3])])],
        at commits: [UInt8]..., environment: String = "prod", memory: CaptureMemory? = nil
    ) async throws -> BackupOutcome {
        let asked = Mutex(0)
        var run = BackupRun(
            environment: environment, sources: sources, host: "host", clock: { self.now() },
            revisions: {
                guard !commits.isEmpty else { return [] }
                let count = asked.withLock { asked in
                    asked += 1
                    return asked
                }
                return [Revision(source: "config", commit: commits[(count - 1) % commits.count])]
            })
        run.memory = memory
        return try await run.run(in: try await writer())
    }

    func plan(_ selection: SnapshotSelection, environment: String? = nil) async throws -> RestorePlan {
        try RestorePlan(selection, environment: environment, in: try await reader().snapshots())
    }

    @discardableResult
    func restore(
        _ selection: SnapshotSelection = .latest, into name: String, _ options: Restore.Options = .init()
    ) async throws -> RestoreReport {
        try await Restore.run(
            try await plan(selection), from: try await reader(), into: Path(scratch.file(name)),
            as: BackupFixture.user, options)
    }

    /// Runs a shell script in the scratch directory; traps where it fails.
    @discardableResult
    func sh(_ script: String) -> ShellCommand.Outcome {
        let outcome = ShellCommand.run("/bin/sh", ["-euc", script], directory: scratch.path)
        precondition(outcome.status == 0, "\(script): \(outcome.errorText)")
        return outcome
    }

    /// Everything that find(1) and sha256sum(1) see beneath a directory of the scratch directory.
    func description(of name: String) -> [UInt8] {
        sh(
            """
            cd '\(name)'
            find . -type d -printf '%p d %m %U:%G %T@\\0' -o -type l -printf '%p l %l %U:%G %T@\\0' \
              -o -type f -printf '%p f %m %n %s %U:%G %T@\\0' -o -printf '%p %y %m %U:%G %T@\\0' | LC_ALL=C sort -z
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum -z
            """
        ).stdout
    }

    /// How many packs the store holds.
    func packCount() -> Int { Int(sh("find store/packs -type f | wc -l").text.filter(\.isNumber)) ?? -1 }

    /// What stands in the scratch directory beside the store.
    func names() -> [String] {
        sh("ls -A | grep -vx store || true").text.split(separator: "\n").map(String.init).sorted()
    }

    func path(_ name: String) -> Path { Path(scratch.file(name)) }
}

/// The code of the `BackupError` that `body` throws; nil where it throws none.
func code(_ body: () async throws -> Void) async -> BackupError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? BackupError)?.code
    }
}
