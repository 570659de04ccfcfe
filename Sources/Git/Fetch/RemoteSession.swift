internal import CGit2
internal import Encodings
internal import Glibc

/// What libgit2 asks during one fetch: for credentials, whether a host key is to be trusted, whether to go on. Errors
/// are kept, since none may be thrown through C.
final class RemoteSession {
    private let location: RemoteLocation
    private let limits: FetchLimits
    private let knownHosts: KnownHosts?
    private let login: LoginLines?
    private let key: SecretText?
    private let usesAgent: Bool
    private var isAnswered = false
    /// The first refusal of ours.
    private(set) var failure: GitError?

    /// A session for `request` with the secret that came with it. Throws `unusableCredential`.
    init(_ request: FetchRequest, _ secret: SecretText, knownHosts: KnownHosts?) throws(GitError) {
        location = request.location
        limits = request.limits
        self.knownHosts = knownHosts
        login = request.secret == .login ? try LoginLines(secret) : nil
        key = request.secret == .key ? secret : nil
        usesAgent = request.secret == .agent
    }

    /// The header of a bearer token; nil where there is none.
    var bearerHeader: SecretText? {
        guard let login, login.username == nil else { return nil }
        return SecretText([.text("Authorization: Bearer "), .bytes(login.password, 0..<login.password.count)])
    }

    /// Puts the functions below into `callbacks`; `payload` is this session.
    static func install(
        in callbacks: inout git_remote_callbacks, payload: UnsafeMutableRawPointer
    ) {
        unsafe callbacks.payload = unsafe payload
        unsafe callbacks.credentials = { out, _, user, types, payload in
            guard let out = unsafe out, let session = unsafe RemoteSession.at(payload) else { return -1 }
            return unsafe session.credential(into: out, user, git_credential_t(types))
        }
        unsafe callbacks.certificate_check = { certificate, _, _, payload in
            guard let certificate = unsafe certificate, let session = unsafe RemoteSession.at(payload) else {
                return -1
            }
            return unsafe session.check(certificate)
        }
        unsafe callbacks.transfer_progress = { progress, payload in
            guard let progress = unsafe progress, let session = unsafe RemoteSession.at(payload) else {
                return -1
            }
            return session.check(unsafe progress.pointee)
        }
    }

    private static func at(_ payload: UnsafeMutableRawPointer?) -> RemoteSession? {
        unsafe payload.map { unsafe Unmanaged<RemoteSession>.fromOpaque($0).takeUnretainedValue() }
    }

    private func stop(_ code: GitError.Code, _ context: String) -> Int32 {
        if failure == nil { failure = GitError(code, context) }
        return GIT_EUSER.rawValue
    }

    /// Gives the credential once: a second question means that it was refused.
    private func credential(
        into out: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>, _ user: UnsafePointer<CChar>?,
        _ types: git_credential_t
    ) -> Int32 {
        guard login != nil || key != nil || usesAgent else {
            return stop(.authenticationFailed, "the server wants credentials, and none are given")
        }
        guard !isAnswered else {
            return stop(.authenticationFailed, "the server refuses the credentials")
        }
        isAnswered = true
        func accepts(_ type: git_credential_t) -> Bool { types.rawValue & type.rawValue != 0 }
        var code: Int32 = -1
        if let login, let name = login.username, accepts(GIT_CREDENTIAL_USERPASS_PLAINTEXT) {
            code = unsafe name.withCharacters { name in
                unsafe login.password.withCharacters { password in
                    unsafe git_credential_userpass_plaintext_new(out, name, password)
                }
            }
        } else if let key, accepts(GIT_CREDENTIAL_SSH_MEMORY) {
            code = unsafe key.withCharacters { key in
                unsafe git_credential_ssh_key_memory_new(out, user, nil, key, nil)
            }
        } else if usesAgent, accepts(GIT_CREDENTIAL_SSH_KEY) {
            code = unsafe git_credential_ssh_key_from_agent(out, user)
        } else {
            return stop(.authenticationFailed, "the server does not take this kind of credential")
        }
        return code == 0 ? 0 : stop(.unusableCredential, "the credential can't be used")
    }

    /// A host key is trusted where it is known; of a certificate libgit2's own judgement holds.
    private func check(_ certificate: UnsafeMutablePointer<git_cert>) -> Int32 {
        guard unsafe certificate.pointee.cert_type == GIT_CERT_HOSTKEY_LIBSSH2 else {
            return GIT_PASSTHROUGH.rawValue
        }
        let host = unsafe UnsafeMutableRawPointer(certificate).assumingMemoryBound(to: git_cert_hostkey.self)
        guard let endpoint = location.endpoint, let knownHosts,
            unsafe host.pointee.type.rawValue & GIT_CERT_SSH_RAW.rawValue != 0,
            let start = unsafe host.pointee.hostkey
        else { return stop(.serverNotTrusted, "the server shows no host key") }
        let key = unsafe Array(UnsafeRawBufferPointer(start: start, count: host.pointee.hostkey_len))
        let digest = unsafe withUnsafeBytes(of: host.pointee.hash_sha256) { unsafe Array($0) }
        let print = "SHA256:\(Base64.unpadded.encode(digest))"
        switch knownHosts.verdict(on: key, at: endpoint) {
        case .known: return 0
        case .unknown:
            return stop(.serverNotTrusted, "\(endpoint): not among the known hosts (its key is \(print))")
        case .changed(let types):
            return stop(
                .serverNotTrusted,
                "\(endpoint): the host key has changed: \(print) is not one of those known "
                    + "(\(types.joined(separator: ", ")))")
        case .revoked:
            return stop(.serverNotTrusted, "\(endpoint): the host key \(print) is marked as revoked")
        }
    }

    private func check(_ progress: git_indexer_progress) -> Int32 {
        guard progress.received_bytes <= limits.byteCount else {
            return stop(.limitExceeded, "the server sends more than \(limits.byteCount) bytes")
        }
        guard progress.total_objects <= limits.objectCount else {
            return stop(.limitExceeded, "the server sends more than \(limits.objectCount) objects")
        }
        return 0
    }
}
