import Encodings
import OpenSSL
import Sodium
import Testing

@testable import Storage

@Suite struct RequestSignerTests {
    /// The four examples of the Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
    @Test(arguments: [
        (
            "GET", "/test.txt", "", [("range", "bytes=0-9")], "",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ),
        (
            "PUT", "/test%24file.text", "",
            [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        ),
        (
            "GET", "/", RequestSigner.query([("lifecycle", "")]), [], "",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        (
            "GET", "/", RequestSigner.query([("prefix", "J"), ("max-keys", "2")]), [], "",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        ),
    ])
    func `AWS's published examples are signed as published`(
        method: String, path: String, query: String, more: [(String, String)], body: String, signature: String
    ) throws {
        let hash = Hex.encode(SHA256.hash(Array(body.utf8)))
        var headers = more.map { HTTPHeader($0.0, $0.1) }
        headers += [
            HTTPHeader("host", "examplebucket.s3.amazonaws.com"), HTTPHeader("x-amz-content-sha256", hash),
            HTTPHeader("x-amz-date", "20130524T000000Z"),
        ]
        headers.sort { $0.name < $1.name }
        let value = RequestSigner(region: "us-east-1").authorization(
            method, path: path, query: query, headers: headers, payloadHash: hash,
            at: try Timestamp(rfc3339: "2013-05-24T00:00:00.9Z"), try TestCredentials.make())
        let names = headers.map(\.name).joined(separator: ";")
        #expect(
            value == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=\(names), Signature=\(signature)")
    }

    @Test func `the first case of AWS's signature test suite is signed as published`() throws {
        let credentials = try TestCredentials.make(
            "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        let value = RequestSigner(region: "us-east-1", service: "service").authorization(
            "GET", path: "/", query: "",
            headers: [
                HTTPHeader("host", "example.amazonaws.com"), HTTPHeader("x-amz-date", "20150830T123600Z"),
            ], payloadHash: Hex.encode(SHA256.hash([])), at: try Timestamp(rfc3339: "2015-08-30T12:36:00Z"),
            credentials)
        #expect(value.hasSuffix("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"))
    }

    @Test func `both libraries hash a payload, or a part of it, to the same`() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 >> 2) }
        for part in [bytes[...], bytes[10..<10], bytes[1..<77_777]] {
            let hash = SHA256.hash(Array(part))
            #expect(SHA256.hash(part: part) == hash)
            #expect(LargeSHA256.hash(part: part) == hash)
            #expect(PayloadHash.of(part) == hash)
        }
    }

    @Test func `a query is encoded and sorted by its encoded names`() {
        #expect(
            RequestSigner.query([("b", ""), ("a", "x y/\u{E9}~"), ("B", "="), ("a", "!")])
                == "B=%3D&a=%21&a=x%20y%2F%C3%A9~&b=")
        #expect(S3Encoding.encode("a b/c+d", keeping: 0x2F) == "a%20b/c%2Bd")
    }

    @Test func `what is encoded decodes to the same bytes, and nothing half`() {
        let text = String((0..<128).map { Character(Unicode.Scalar($0)) }) + "\u{E9}"
        #expect(S3Encoding.decode(S3Encoding.encode(text)) == Array(text.utf8))
        for bad in ["%", "%2", "a%", "%zz", "%+1", "%-1"] { #expect(S3Encoding.decode(bad) == nil) }
    }

    @Test func `dates of HTTP are read exactly`() throws {
        #expect(
            HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT")
                == (try Timestamp(rfc3339: "1994-11-06T08:49:37Z")))
        for bad in [
            "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Xyz 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT", "Sun,  06 Nov 1994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.parse(bad) == nil)
        }
    }
}
