internal import CLinux
import Files
import Glibc
import Support
import Synchronization

/// A scratch directory, opened.
func openScratch(_ scratch: TemporaryDirectory) throws -> Directory { try Directory(Path(scratch.path)) }

/// The code of the FileError that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> FileError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? FileError)?.code
    }
}

/// The names in a directory, for comparing.
func names(_ directory: borrowing Directory) throws -> [String] {
    try directory.entries().map(\.name.description)
}

/// A switch that one thread sets and another reads.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

/// A thread that runs a closure to its end.
final class Racer {
    private var thread = pthread_t()
    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        let work = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { work in
                guard let work = unsafe work else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
                return nil
            }, work)
        precondition(result == 0, "pthread_create")
    }

    func join() { pthread_join(thread, nil) }
}

/// Lets two names change places without a look at what they are: three renames.
func swapNames(_ one: String, _ other: String) -> Bool {
    unsafe rename(one, one + ".away") == 0 && rename(other, one) == 0 && rename(one + ".away", other) == 0
}

/// Runs `body` as user 65534 on this thread (by the bare system call, which leaves other threads alone),
/// after giving that user `path` and all below it; as whoever runs the tests where that is not root.
func asOrdinaryUser(owning path: String, _ body: () throws -> Void) throws {
    guard geteuid() == 0 else { return try body() }
    let user: uid_t = 65534
    try giveAway(Directory(Path(path)), to: user)
    try Directory(Path(path)).setOwner(FileOwner(user: user, group: user))
    // setfsuid(2) is per thread, and takes the file capabilities away with root's identity.
    _ = setfsuid(user)
    defer { _ = setfsuid(0) }
    try body()
}

private func giveAway(_ directory: borrowing Directory, to user: uid_t) throws {
    for entry in try directory.entries() {
        var metadata = try directory.metadata(of: entry.name)
        metadata.owner = FileOwner(user: user, group: user)
        try directory.apply(metadata, .owner, to: entry.name)
        if metadata.kind == .directory { try giveAway(directory.openDirectory(entry.name), to: user) }
    }
}
