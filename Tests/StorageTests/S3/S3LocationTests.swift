import Testing

@testable import Storage

@Suite struct S3LocationTests {
    @Test func `a bucket alone is at AWS, in us-east-1, by its host's name`() throws {
        let location = try S3Location("s3://acme-backups")
        #expect(location.bucket == "acme-backups")
        #expect(location.prefix == "")
        #expect(location.region == "us-east-1")
        #expect(location.endpoint.description == "https://s3.us-east-1.amazonaws.com")
        #expect(location.style == .virtualHost)
        #expect(location.host == "acme-backups.s3.us-east-1.amazonaws.com")
        #expect(location.path(nil) == "/")
        #expect(location.path("a/b c") == "/a/b%20c")
        #expect(location.description == "s3://acme-backups")
    }

    @Test func `settings stand in the URL or beside it, and the URL goes first`() throws {
        let location = try S3Location(
            "s3://acme/prod/eu/?endpoint=http://minio.local:9000/&region=garage&style=virtual-host",
            endpoint: "https://other", region: "other", style: .path)
        #expect(location.prefix == "prod/eu")
        #expect(location.region == "garage")
        #expect(location.endpoint.description == "http://minio.local:9000")
        #expect(location.style == .virtualHost)
        #expect(location.host == "acme.minio.local:9000")
        #expect(location.key(try ObjectName("packs/ab")) == "prod/eu/packs/ab")
        #expect(location.description == "s3://acme/prod/eu")
        let given = try S3Location("s3://acme", endpoint: "https://other", region: "r-1", style: .virtualHost)
        #expect(given.endpoint.description == "https://other")
        #expect(given.region == "r-1")
        #expect(given.style == .virtualHost)
    }

    @Test func `other endpoints and buckets with dots get the bucket in the path`() throws {
        let other = try S3Location("s3://acme/x", endpoint: "https://s3.example.org")
        #expect(other.style == .path)
        #expect(other.host == "s3.example.org")
        #expect(other.path(nil) == "/acme")
        #expect(other.path("x/y") == "/acme/x/y")
        #expect(try S3Location("s3://acme.example.org").style == .path)
        #expect(
            try S3Location("s3://acme", region: "cn-north-1").endpoint.description
                == "https://s3.cn-north-1.amazonaws.com.cn")
    }

    @Test(arguments: [
        ("https://HOST.example", "https://host.example"), ("host:443", "https://host"),
        ("http://host:80/", "http://host"), ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://[::1]:9000", "https://[::1]:9000"), ("http://host:443", "http://host:443"),
    ])
    func `endpoints are a host and a port`(text: String, url: String) throws {
        #expect(try S3Endpoint(text).description == url)
    }

    @Test(arguments: [
        "", "https://", "ftp://host", "https://user:secret@host", "https://host/path", "https://host?x",
        "https://host#x",
        "host:0", "host:65536", "host:", "host:+1", "host:80:80", "https://-host", "https://ho st",
        "https://host..org",
        "https://host%2e", "https://[::1", "https://[host]", "https://h\u{F6}st", "https://host\n", "//host",
    ])
    func `every other endpoint is refused`(text: String) async {
        #expect(await code { _ = try S3Endpoint(text) } == .invalidLocation)
    }

    @Test(arguments: [
        "", "s3:/acme", "S3://acme", "s3://", "s3:///x", "s3://ab", "s3://Acme", "s3://ac_me", "s3://-acme",
        "s3://acme-",
        "s3://ac..me", "s3://192.168.0.1", "s3://key:secret@acme", "s3://acme/%2e", "s3://acme//",
        "s3://acme/a//b",
        "s3://acme/a/../b", "s3://acme/./a", "s3://acme/a b", "s3://acme/a+b", "s3://acme/\u{E9}",
        "s3://acme#x",
        "s3://acme?", "s3://acme?region", "s3://acme?region=a&region=b", "s3://acme?zone=a",
        "s3://acme?region=a/b",
        "s3://acme?region=", "s3://acme?style=virtual", "s3://acme?endpoint=", "s3://acme\n",
        "s3://acme/\u{0}",
        "s3://" + String(repeating: "a", count: 64), "s3://acme/" + String(repeating: "a", count: 512),
    ])
    func `F038: every other URL is refused, and not repeated`(url: String) {
        #expect {
            _ = try S3Location(url)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.code == .invalidLocation && (url.utf8.count < 6 || !error.description.contains(url))
                && !error.description.contains("secret")
        }
    }

    @Test func `a prefix may have what keys need no escape for`() throws {
        let location = try S3Location("s3://acme/env=prod/A.b_c~d,e:f")
        #expect(location.prefix == "env=prod/A.b_c~d,e:f")
        #expect(location.path(location.key(try ObjectName("x"))) == "/env%3Dprod/A.b_c~d%2Ce%3Af/x")
    }

    @Test func `a directory is not meant as a bucket`() {
        #expect(S3Location.isURL("s3://acme"))
        for text in ["/srv/store", "store", "s3:/acme", "./s3://acme", ""] {
            #expect(!S3Location.isURL(text))
        }
    }
}
