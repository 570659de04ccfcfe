import Files
import Support
import Testing

@testable import Storage

@Suite(.serialized) struct S3CertificateTests {
    let scratch = TemporaryDirectory("storage")
    let authority: CertificateAuthority

    init() { authority = CertificateAuthority(in: scratch.path) }

    @Test func `a CA of one's own is trusted where the settings name it`() async throws {
        let server = HostileS3Server(certificate: authority.certificate("server"))
        let store = try server.store(settings(authority.certificate))
        try await store.put(ObjectName("a"), [1, 2], ifAbsent: true)
        #expect(try await store.get(ObjectName("a"), limit: 2) == [1, 2])
    }

    @Test func `F036: an unknown CA, another host and an old certificate are refused, and nothing is sent`()
        async throws
    {
        let unknown = HostileS3Server(certificate: authority.certificate("server"))
        let another = HostileS3Server(certificate: authority.certificate("another", host: "example.org"))
        let old = HostileS3Server(
            certificate: authority.certificate("old", from: "20200101000000Z", to: "20210101000000Z"))
        for (server, file) in [
            (unknown, nil), (another, authority.certificate), (old, authority.certificate),
        ] {
            let store = try server.store(settings(file))
            #expect(await code { try await store.put(ObjectName("a"), [1], ifAbsent: true) } == .untrusted)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `certificates that can't be read trust nobody`() async throws {
        let server = HostileS3Server(certificate: authority.certificate("server"))
        for file in [scratch.file("none.pem"), scratch.file("index")] {
            let store = try server.store(settings(file))
            #expect(await code { try await store.put(ObjectName("a"), [1], ifAbsent: true) } == .untrusted)
        }
    }

    private func settings(_ certificates: String?) -> S3Settings {
        var settings = S3Settings()
        settings.certificates = certificates.map { Path($0) }
        return settings
    }
}
