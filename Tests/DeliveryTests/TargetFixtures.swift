import Encodings
import Files
import Git
import Glibc
import Sodium
import Support

@testable import Delivery

/// Makes opened trees of texts, for tests of targets alone.
struct Fixture {
    let scratch: TemporaryDirectory
    let digest = ContentDigest()

    init() { scratch = TemporaryDirectory("strongroom-delivery") }

    /// A scratch directory in another place than the usual.
    init(in place: String) { scratch = TemporaryDirectory("strongroom-delivery", in: place) }

    /// The path of the target.
    var app: String { scratch.file("app") }

    func target(
        _ layout: FilesTarget.Layout = .generation, mode: UInt16 = 0o400, owner: FileOwner? = nil
    ) throws -> FilesTarget {
        try FilesTarget(directory: Path(app), layout: layout, mode: mode, owner: owner)
    }

    /// A tree of a commit whose id repeats `digit`. A name that ends with `*` is executable.
    func tree(_ files: [String: String], commit digit: Character = "a") throws -> OpenedTree {
        OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: digit, count: 40)),
            files: files.map { name, text in
                let isExecutable = name.hasSuffix("*")
                return file(isExecutable ? String(name.dropLast()) : name, Array(text.utf8), isExecutable)
            }, notices: [], digest: digest)
    }

    func file(_ name: String, _ bytes: [UInt8], _ isExecutable: Bool = false) -> OpenedFile {
        OpenedFile(
            path: Path(name), isExecutable: isExecutable, origin: .plain,
            fingerprint: bytes.withBytes { digest.fingerprint(of: $0) },
            content: HeldContent(bytes.withBytes { SecretBytes(copying: $0) }))
    }

    /// Plans and delivers in one session.
    @discardableResult
    func deliver(
        _ tree: OpenedTree, to target: FilesTarget, at seconds: Int64 = 1_000
    ) throws(DeliveryError) -> Receipt {
        let session = try TargetSession.open(target, now: time(seconds))
        let plan = try session.plan(tree)
        return try session.deliver(plan, at: time(seconds))
    }

    /// The names below `path`, directories with a slash, in order, each with its mode: `a.txt 400`.
    func listing(_ path: String) -> [String] {
        let outcome = ShellCommand.run(
            "/bin/sh",
            ["-c", "cd \"$1\" && find . -mindepth 1 -printf '%P %y %m\\n' | LC_ALL=C sort", "sh", path])
        return outcome.text.split(separator: "\n").map(String.init)
    }

    func text(_ path: String) -> String? {
        let outcome = ShellCommand.run("/bin/cat", [scratch.file(path)])
        return outcome.status == 0 ? String(decoding: outcome.stdout, as: UTF8.self) : nil
    }

    /// Names in the directory of generations that are generations.
    var generations: [String] {
        listing(scratch.file(".app.generations")).compactMap { line in
            let name = String(line.prefix { $0 != " " })
            return line.contains(" d ") && !name.contains("/") ? name : nil
        }
    }

    func write(_ name: String, _ text: String) { ScratchRepository(at: scratch.path).write(name, text) }
}

func time(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: seconds * 1_000_000_000) }

func code<Value: ~Copyable>(_ body: () throws(DeliveryError) -> Value) -> DeliveryError.Code? {
    do throws(DeliveryError) {
        _ = try body()
        return nil
    } catch {
        return error.code
    }
}

/// Content that fails or looks around while it is written.
final class WatchedContent: OpenedContent {
    private let bytes: [UInt8]
    private let look: @Sendable () throws(DeliveryError) -> Void

    init(_ bytes: [UInt8], _ look: @escaping @Sendable () throws(DeliveryError) -> Void) {
        self.bytes = bytes
        self.look = look
    }

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try look()
        try bytes.withBytes { (span) throws(DeliveryError) in try sink(span) }
        try look()
    }
}

/// Runs `background` on a thread of its own while `body` runs, and waits for it to end.
func withThread(_ background: @escaping @Sendable () -> Void, during body: () throws -> Void) rethrows {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(Box(background)).toOpaque()
    let status = unsafe pthread_create(
        &thread, nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, box)
    precondition(status == 0, "pthread_create: \(status)")
    defer { pthread_join(thread, nil) }
    try body()
}
