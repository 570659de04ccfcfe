import Sodium
import Testing

@testable import Storage

@Suite struct S3CredentialsTests {
    static let file = """
        # comment
        [default]
        aws_access_key_id = AKIDDEFAULT
        aws_secret_access_key=abc/def+ghi=
        region = eu-central-1

        ; another
        [backup agent]
        aws_access_key_id\t=\tAKIDAGENT\r
        aws_secret_access_key =  zyx\r
        aws_session_token = token==\r
        """

    @Test func `a profile's credentials are read from a file as AWS's tools keep it`() throws {
        let first = try read(S3CredentialsTests.file)
        #expect(first.accessKeyID == "AKIDDEFAULT")
        #expect(first.secretText == "abc/def+ghi=")
        #expect(first.sessionToken.byteCount == 0)
        let other = try read(S3CredentialsTests.file, "backup agent")
        #expect(other.accessKeyID == "AKIDAGENT")
        #expect(other.secretText == "zyx")
        #expect(other.tokenText == "token==")
        let config = try read("[profile x]\naws_access_key_id=a\naws_secret_access_key=b", "x")
        #expect(config.accessKeyID == "a")
    }

    @Test(arguments: [
        ("", "aws_access_key_id"), ("[default]", "aws_access_key_id"),
        ("[default]\naws_access_key_id = A", "aws_secret_access_key"),
        ("[other]\naws_access_key_id = A\naws_secret_access_key = SECRET", "default"),
        ("aws_access_key_id = A\naws_secret_access_key = SECRET", "default"),
        ("[default]\naws_access_key_id = A\naws_secret_access_key SECRET", "line 3"),
        ("[default]\n= SECRET", "line 2"), ("[default\n", "line 1"), ("[]\n", "line 1"),
        ("[default]\naws_access_key_id = A\naws_access_key_id = B", "line 3"),
        ("[default]\naws_secret_access_key =\n", "line 2"),
        ("[default]\naws_access_key_id = A B\naws_secret_access_key = SECRET", "id"),
        ("[default]\naws_access_key_id = A/B\naws_secret_access_key = SECRET", "id"),
        ("[default]\naws_access_key_id = A\naws_secret_access_key = SEC RET", "secret key"),
        ("[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\u{E9}", "secret key"),
        (
            "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\naws_session_token = a\tb",
            "token"
        ),
        ("\u{FEFF}[default]\naws_access_key_id = A\naws_secret_access_key = SECRET", "line 1"),
        (String(repeating: "#", count: 70_000), "64 KiB"),
    ])
    func `F032: a file with anything else is refused with its line, and without its content`(
        text: String, says: String
    ) {
        #expect {
            _ = try read(text)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.code == .credentials && error.description.contains(says)
                && !error.description.contains("SECRET")
        }
    }

    @Test func `a file cut at any place is refused, or has the same credentials or shorter values`() {
        let whole = Array(S3CredentialsTests.file.utf8)
        for count in whole.indices {
            let text = String(decoding: whole[..<count], as: UTF8.self)
            guard let found = try? read(text, "backup agent") else { continue }
            #expect(found.accessKeyID == "AKIDAGENT")
        }
    }

    @Test func `empty and unprintable credentials are refused`() async {
        #expect(await code { _ = try TestCredentials.make("") } == .credentials)
        #expect(await code { _ = try TestCredentials.make(secret: "") } == .credentials)
        #expect(await code { _ = try TestCredentials.make(secret: "a\nb") } == .credentials)
        #expect(await code { _ = try TestCredentials.make(token: "a\r\nHost: b") } == .credentials)
        #expect(await code { _ = try TestCredentials.make("a,b") } == .credentials)
    }

    private func read(_ text: String, _ profile: String = "default") throws -> S3Credentials {
        try Array(text.utf8).withBytes { (bytes) throws(StorageError) in
            try S3Credentials(file: bytes, profile: profile)
        }
    }
}

extension S3Credentials {
    fileprivate var secretText: String { secretKey.withBytes { String(decoding: $0.array, as: UTF8.self) } }
    fileprivate var tokenText: String { sessionToken.withBytes { String(decoding: $0.array, as: UTF8.self) } }
}
