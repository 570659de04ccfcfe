internal import Encodings
internal import OpenSSL

/// Host keys as sshd(8) describes them under SSH_KNOWN_HOSTS FILE FORMAT: plain and hashed names, patterns, negation,
/// revoked keys. Lines of certificate authorities are passed over: libssh2 takes no host certificates.
struct KnownHosts {
    /// What the file says of a key.
    enum Verdict: Equatable {
        /// It is the host's.
        case known
        /// Nothing is known of the host.
        case unknown
        /// The host has other keys, of these types.
        case changed([String])
        /// The key is marked as revoked.
        case revoked
    }

    private struct Line {
        let hosts: [UInt8]
        let type: String
        let key: [UInt8]
        let isRevoked: Bool
    }

    private let lines: [Line]

    /// Reads a file. Throws `unusableCredential` for one without a single key; lines that can't be read are passed
    /// over, as OpenSSH does, and so never make a host known.
    init(_ text: [UInt8]) throws(GitError) {
        lines = text.split(separator: 0x0A).compactMap { KnownHosts.line($0) }
        guard !lines.isEmpty else {
            throw GitError(.unusableCredential, "the file of known hosts has no host key")
        }
    }

    /// What is known of `key` (the bytes of the public key) at `endpoint`.
    func verdict(on key: [UInt8], at endpoint: RemoteLocation.Endpoint) -> Verdict {
        let name = KnownHosts.name(endpoint)
        let matching = lines.filter { KnownHosts.matches($0.hosts, name) }
        guard !matching.contains(where: { $0.isRevoked && $0.key == key }) else { return .revoked }
        let keys = matching.filter { !$0.isRevoked }
        guard !keys.contains(where: { $0.key == key }) else { return .known }
        return keys.isEmpty ? .unknown : .changed(Set(keys.map(\.type)).sorted())
    }

    /// The line that makes libgit2 ask the server for a type of key that is known, the strongest first; nil where no
    /// key of the host is of a type that libssh2 takes.
    func preference(for endpoint: RemoteLocation.Endpoint) -> [UInt8]? {
        let name = KnownHosts.name(endpoint)
        let matching = lines.filter { !$0.isRevoked && KnownHosts.matches($0.hosts, name) }
        let order = [
            "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
        ]
        for type in order {
            guard let line = matching.first(where: { $0.type == type }) else { continue }
            return name + Array(" \(type) \(Base64.standard.encode(line.key))\n".utf8)
        }
        return nil
    }

    /// The name that a file lists: the host, or `[host]:port` for another port than 22.
    private static func name(_ endpoint: RemoteLocation.Endpoint) -> [UInt8] {
        Array((endpoint.port == 22 ? endpoint.host : "[\(endpoint.host)]:\(endpoint.port)").utf8)
    }

    private static func line(_ text: ArraySlice<UInt8>) -> Line? {
        var words = text.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard let first = words.first, first.first != 0x23 else { return nil }
        var isRevoked = false
        if first.first == 0x40 {
            guard first.elementsEqual("@revoked".utf8) else { return nil }
            isRevoked = true
            words.removeFirst()
        }
        guard words.count >= 3, let key = try? Base64.standard.decode(Array(words[2])) else { return nil }
        let type = Array(words[1])
        // The key says its own type: four bytes of length, then the name.
        guard key.count > 4 + type.count, key[4..<(4 + type.count)].elementsEqual(type) else { return nil }
        return Line(
            hosts: Array(words[0]), type: String(decoding: type, as: UTF8.self), key: key,
            isRevoked: isRevoked)
    }

    private static func matches(_ hosts: [UInt8], _ name: [UInt8]) -> Bool {
        if hosts.first == 0x7C { return matchesHashed(hosts, name) }
        var isFound = false
        for pattern in hosts.split(separator: 0x2C) {
            let isNegated = pattern.first == 0x21
            let lower = (isNegated ? pattern.dropFirst() : pattern).map {
                (0x41...0x5A).contains($0) ? $0 + 0x20 : $0
            }
            guard Wildcard.matches(lower, name, questionMark: true) else { continue }
            guard !isNegated else { return false }
            isFound = true
        }
        return isFound
    }

    /// `|1|<salt>|<HMAC-SHA-1 of the name under the salt>`, both in base64.
    private static func matchesHashed(_ hosts: [UInt8], _ name: [UInt8]) -> Bool {
        let parts = hosts.split(separator: 0x7C, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1].elementsEqual("1".utf8),
            let salt = try? Base64.standard.decode(Array(parts[2])),
            let hash = try? Base64.standard.decode(Array(parts[3]))
        else { return false }
        return HMACSHA1.authenticate(name, key: salt) == hash
    }
}
