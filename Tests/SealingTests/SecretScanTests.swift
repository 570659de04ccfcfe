import Testing

@testable import Sealing

@Suite struct SecretScanTests {
    private func found(_ text: String, _ path: String = "notes.txt") -> [String] {
        SecretScan.findings(in: Array(text.utf8), path: Array(path.utf8)).map { "\($0.line): \($0.reason)" }
    }

    // Put together here, so that nobody's scanner takes this file for a leak.
    private static let body = "k3Jd8sLq0ZxYv7TnWb2RfGh5MpC9EaQ1uXoI"

    private static let beginnings: [(String, String)] = [
        ("key: AKI\u{41}Q3EGRIBZ7XPL5KDM", "an access key of AWS"),
        ("gh\u{70}_\(body)", "a token of GitHub"), ("(gl\u{70}at-\(body))", "a token of GitLab"),
        ("-----BEGIN RSA \u{50}RIVATE KEY-----", "a private key"),
        ("  \"key\": \"-----BEGIN \u{50}RIVATE KEY-----\\nMII\"", "a private key"),
        ("tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2", "a private key"),
        ("AGE-SECRET-\u{4B}EY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN", "an age identity"),
        ("xox\u{62}-123456789012-abcdefghijkl", "a token of Slack"),
        ("postgres://app:s3cr3t-w0rd@db/shop", "a password in a URL"),
    ]

    @Test(arguments: beginnings) func `beginnings that only secrets have are found`(
        text: String, name: String
    ) {
        #expect(found("\n" + text + "\n") == ["2: looks like \(name)"])
    }

    @Test(arguments: [
        "value: Zk3Jd8sLq0ZxYv7TnWb2RfGh", "A=\"q8Yp+2LmTz/7cVbN4kXwRs1J\"",
        "client_secret: 8f14e45fceea167a5a36dedd4bea2543", "password: v9x2k7q4m1z8t3w6",
    ]) func `long random words are found`(text: String) {
        #expect(found(text).count == 1)
        #expect(found(text + " # strongroom:allow").isEmpty)
    }

    @Test(arguments: [
        "image: registry.example.org/shop/backend@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "commit 3f2a9c1d4e5b6a7980112233445566778899aabb", "id: 550e8400-e29b-41d4-a716-446655440000",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@example.org",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "let value = getUserAccountDetailsById2(thatIsLongEnough1)", "postgres://app:$PASSWORD@db/shop",
        "postgres://app:password@db/shop", "secretName: shop-backend-tls-2024-certificate1",
        "  uses: actions/checkout/with/a/long/path2/to/nowhere3",
        "integrity: sha512-q8Yp2LmTz7cVbN4kXwRs1Jq8Yp2LmTz7cVbN4k",
        "glpat-xxxxxxxxxxxxxxxxxxxxxxxx", "THIS_IS_A_LONG_CONSTANT_NAME_2024",
        "password: sealed.v1.prod-3.e.6yWk3htkvJ6bDblytykHPMJq4s3rdCSd_6d6ZSccYVfBHjcKH-S1gW32kLc8Y4cDonWWhG0AXleaRLl15_etqdUDXpHgnes8qFQFqs0Tu8uQe-pNgeSGcTJPc9Nbv1h4FItUMVCgdhb5UTs6Mq6vzg",
        "-----BEGIN CERTIFICATE-----\nMIIBk3Jd8sLq0ZxYv7TnWb2RfGh5MpC9EaQ1uXoI\n-----END CERTIFICATE-----\n",
    ]) func `names, hashes, public keys and tokens are passed over`(text: String) {
        #expect(found(text) == [])
    }

    @Test func `a private key is told once, by its first line, and what follows it is looked at again`() {
        let text =
            "-----BEGIN EC " + "PRIVATE KEY-----\nZk3Jd8sLq0ZxYv7TnWb2RfGh\n-----END EC PRIVATE KEY-----\n"
        #expect(
            found(text + "value: Zk3Jd8sLq0ZxYv7TnWb2RfGh") == [
                "1: looks like a private key", "4: looks like a random secret of 24 characters",
            ])
    }

    @Test func `lock files, what is no text and what is too long are not looked through for random words`() {
        let word = "value: Zk3Jd8sLq0ZxYv7TnWb2RfGh"
        #expect(found(word, "a/package-lock.json") == [] && found(word, "Cargo.lock") == [])
        #expect(found("gh" + "p_" + Self.body, "Cargo.lock").count == 1)
        #expect(found("\u{0}" + word) == [])
        #expect(found("age-encryption.org/v1\n-> X25519 a\n" + word) == [])
        #expect(found(String(repeating: "x ", count: 4_000) + word) == [])
    }

    @Test func `no finding holds what was found`() {
        for text in ["value: Zk3Jd8sLq0ZxYv7TnWb2RfGh", "gh" + "p_" + Self.body] {
            #expect(!found(text).joined().contains(text.suffix(8)))
        }
    }

    @Test func `entropy is Shannon's, in bits a byte`() {
        #expect(SecretScan.entropy(Array("aaaa".utf8)) == 0)
        #expect(SecretScan.entropy(Array("abab".utf8)) == 1)
        #expect(SecretScan.entropy(Array("abcdefgh".utf8)) == 3)
    }
}
