internal import Glibc

/// Secret bytes in the process that fetches, with a NUL behind them for libgit2: locked into memory where that is
/// allowed, wiped when released. What libgit2 copies of them ends with the process, which writes no core file.
@safe final class SecretText {
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes before the NUL.
    let count: Int

    /// The most bytes that a login or key may have.
    static let limit = 1 << 16

    /// Joins `parts`, each of them text or bytes of another secret.
    init(_ parts: [Part]) {
        count = parts.reduce(0) { $0 + $1.count }
        unsafe memory = SecretText.allocate(count + 1)
        var offset = 0
        for part in parts {
            switch part {
            case .text(let text):
                for byte in text.utf8 {
                    unsafe memory[offset] = byte
                    offset += 1
                }
            case .bytes(let other, let range):
                for index in range {
                    unsafe memory[offset] = unsafe other.memory[index]
                    offset += 1
                }
            }
        }
    }

    /// A piece of a new secret.
    enum Part {
        /// Text that is none.
        case text(String)
        /// Bytes of another secret.
        case bytes(SecretText, Range<Int>)

        var count: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .bytes(_, let range): range.count
            }
        }
    }

    /// Everything that comes over `socket` until its end. Throws `unusableCredential` above the limit.
    init(receivingAllFrom socket: Int32) throws(GitError) {
        unsafe memory = SecretText.allocate(SecretText.limit + 2)
        var offset = 0
        while offset <= SecretText.limit {
            let got = unsafe read(
                socket, memory.baseAddress?.advanced(by: offset), SecretText.limit + 1 - offset)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            offset += got
        }
        count = offset
        guard offset <= SecretText.limit else {
            throw GitError(.unusableCredential, "a credential of more than \(SecretText.limit) bytes")
        }
        unsafe memory[offset] = 0
    }

    deinit {
        if let start = unsafe memory.baseAddress {
            unsafe explicit_bzero(start, memory.count)
            unsafe munlock(start, memory.count)
        }
        unsafe memory.deallocate()
    }

    private static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
        _ = unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        if let start = memory.baseAddress { unsafe mlock(start, memory.count) }
        return unsafe memory
    }

    /// The byte at `index`.
    subscript(index: Int) -> UInt8 { unsafe memory[index] }

    /// Lends the bytes as a C string.
    func withCharacters<Result>(_ body: (UnsafeMutablePointer<CChar>) -> Result) -> Result {
        guard let start = unsafe memory.baseAddress?.assumingMemoryBound(to: CChar.self) else {
            preconditionFailure("secret text is never empty")
        }
        return unsafe body(start)
    }

    /// Whether the bytes of `range` are those of `text`.
    func matches(_ range: Range<Int>, _ text: String) -> Bool {
        range.count == text.utf8.count && zip(range, text.utf8).allSatisfy { self[$0] == $1 }
    }
}

/// The lines of git-credential(1) that a login is made of.
struct LoginLines {
    /// The user, for basic authentication; nil for a bearer token.
    let username: SecretText?
    /// The password, or the bearer token.
    let password: SecretText

    /// Reads `username=`, `password=` (or `credential=`) and `authtype=`, each at most once. Throws
    /// `unusableCredential` for all else, without an excerpt.
    init(_ secret: SecretText) throws(GitError) {
        var found: [String: Range<Int>] = [:]
        var start = 0
        while start < secret.count {
            let end = (start..<secret.count).first { secret[$0] == 0x0A } ?? secret.count
            defer { start = end + 1 }
            guard end > start else { continue }
            guard let equals = (start..<end).first(where: { secret[$0] == 0x3D }),
                let key = ["username", "password", "credential", "authtype"].first(where: {
                    secret.matches(start..<equals, $0)
                }), found[key] == nil,
                (equals + 1..<end).allSatisfy({ secret[$0] > 0x1F && secret[$0] != 0x7F })
            else {
                throw GitError(
                    .unusableCredential, "a login has lines username=… and password=…, each once")
            }
            found[key] = equals + 1..<end
        }
        let isBearer = found["authtype"].map { secret.matches($0, "bearer") || secret.matches($0, "Bearer") }
        guard let word = found["password"] ?? found["credential"], !word.isEmpty,
            found["password"] == nil || found["credential"] == nil,
            isBearer != true || found["username"] == nil, isBearer != false || found["username"] != nil
        else {
            throw GitError(
                .unusableCredential, "a login has a username and a password, or a bearer token alone")
        }
        username = found["username"].map { SecretText([.bytes(secret, $0)]) }
        password = SecretText([.bytes(secret, word)])
    }
}
