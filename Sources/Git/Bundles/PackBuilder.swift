internal import CGit2
internal import Files

/// Objects gathered for a pack (git_packbuilder). Its memory grows with their number and the largest of them, not
/// with the pack.
@safe struct PackBuilder: ~Copyable {
    private let builder: OpaquePointer

    /// An empty pack of `handle`'s objects; `handle` must outlive it.
    init(_ handle: borrowing RepositoryHandle) throws(GitError) {
        var builder: OpaquePointer?
        try GitError.check(
            "git_packbuilder_new", unsafe git_packbuilder_new(&builder, handle.repository), "begin a pack")
        guard let builder = unsafe builder else { throw GitError(.library, "git_packbuilder_new") }
        unsafe self.builder = builder
    }

    deinit { unsafe git_packbuilder_free(builder) }

    /// The number of objects.
    var count: Int { unsafe git_packbuilder_object_count(builder) }

    /// Adds an object; its name in a directory helps to find what to make it a delta of.
    borrowing func insert(_ link: ObjectLinks.Link) throws(GitError) {
        var id = link.id.structure
        let name = link.name.map { CChar(bitPattern: $0) } + [0]
        let code = unsafe git_packbuilder_insert(builder, &id, link.name.isEmpty ? nil : name)
        try GitError.check("git_packbuilder_insert", code, "pack object \(link.id)")
    }

    /// Hands the pack's bytes to `sink`, some 64 KiB at a time (git_packbuilder_foreach). Throws
    /// `stoppedByCaller` with what `sink` threw.
    borrowing func write(to sink: (RawSpan) throws -> Void) throws(GitError) {
        let outcome: Result<Void, GitError> = withoutActuallyEscaping(sink) { sink in
            let buffer = SinkBuffer(sink)
            let box = unsafe Unmanaged.passRetained(buffer)
            defer { unsafe box.release() }
            let code = unsafe git_packbuilder_foreach(
                builder,
                { bytes, byteCount, payload in
                    guard let bytes = unsafe bytes, let payload = unsafe payload else {
                        return GIT_EUSER.rawValue
                    }
                    let buffer = unsafe Unmanaged<SinkBuffer>.fromOpaque(payload).takeUnretainedValue()
                    let chunk = unsafe UnsafeRawBufferPointer(start: bytes, count: byteCount)
                    return unsafe buffer.append(chunk) ? 0 : GIT_EUSER.rawValue
                }, unsafe box.toOpaque())
            if code >= 0 { buffer.flush() }
            if let error = buffer.error {
                return .failure(GitError(.stoppedByCaller, "the pack's sink failed", underlying: error))
            }
            return Result { () throws(GitError) in
                try GitError.check("git_packbuilder_foreach", code, "write a pack")
            }
        }
        try outcome.get()
    }
}

/// Gathers the small pieces that libgit2 hands out. Errors are kept, since none may be thrown through C.
private final class SinkBuffer {
    private let sink: (RawSpan) throws -> Void
    private var bytes: [UInt8] = []
    private(set) var error: (any Error)?

    private static let size = 64 << 10

    init(_ sink: @escaping (RawSpan) throws -> Void) {
        self.sink = sink
        bytes.reserveCapacity(SinkBuffer.size)
    }

    /// Whether to go on.
    func append(_ chunk: UnsafeRawBufferPointer) -> Bool {
        unsafe bytes.append(contentsOf: chunk)
        if bytes.count >= SinkBuffer.size { flush() }
        return error == nil
    }

    func flush() {
        guard error == nil, !bytes.isEmpty else { return }
        do { try unsafe sink(bytes.span.bytes) } catch { self.error = error }
        bytes.removeAll(keepingCapacity: true)
    }
}
