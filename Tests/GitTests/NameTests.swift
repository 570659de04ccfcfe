import Files
import Testing

@testable import Git

@Suite struct NameTests {
    @Test(arguments: [
        "refs/heads/main", "refs/tags/v1.0", "refs/stash", "refs/heads/feature/ä", "refs/notes/commits",
        "refs/heads/a-b_c+d", "refs/heads/@", "refs/heads/x{y}",
    ])
    func `a name that Git accepts is accepted`(_ name: String) throws {
        #expect(try ReferenceName(name).description == name)
        #expect(ScratchRefs.accepts(name))
    }

    @Test(arguments: [
        "", "HEAD", "refs", "refs/", "refs//a", "refs/heads/", "refs/heads/.a", "refs/heads/a..b",
        "refs/heads/a.lock",
        "refs/heads/a.lock/b", "refs/heads/a b", "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/a*", "refs/heads/a[", "refs/heads/a\\b", "refs/heads/a\u{7F}", "refs/heads/a\n",
        "refs/heads/a.",
        "refs/heads/a@{b", "/refs/heads/a", "../refs/heads/a", "refs/heads/../../x",
    ])
    func `a name that Git refuses is refused`(_ name: String) {
        #expect(code { () throws(GitError) in _ = try ReferenceName(name) } == .invalidName)
    }

    @Test(arguments: [
        "", "../../x", "/etc", "-x", "a b", "HEAD", "@", "a\u{0}b", "a\u{1}", "evil\u{202E}gpj", "a\u{200F}",
        "a\u{200B}",
        "a\u{FEFF}", String(repeating: "x", count: 300), "a/../b", "a//b",
    ])
    func `F039 a branch that escapes, hides or deceives is refused`(_ name: String) {
        #expect(code { () throws(GitError) in _ = try ReferenceName(branch: name) } == .invalidName)
        #expect(code { () throws(GitError) in _ = try ReferenceName(tag: name) } == .invalidName)
    }

    @Test func `a branch becomes a full name`() throws {
        #expect(try ReferenceName(branch: "release/1").description == "refs/heads/release/1")
        #expect(try ReferenceName(branch: "release/1").branchBytes == Array("release/1".utf8))
        #expect(try ReferenceName(tag: "v1").branchBytes == nil)
    }

    @Test func `names that differ in normal form only are two`() throws {
        #expect(try ReferenceName("refs/heads/\u{E9}") != ReferenceName("refs/heads/e\u{301}"))
    }

    @Test(arguments: [
        ("/srv/git/config", "/srv/git/config"), ("file:///srv/git/config", "/srv/git/config"),
        ("file://localhost/srv/a", "/srv/a"), ("file:///srv/a%20b", "/srv/a b"), ("/srv/ä", "/srv/ä"),
    ])
    func `a path or file URL is taken`(_ text: String, _ path: String) throws {
        #expect(try RemoteLocation(text).directory?.bytes == Array(path.utf8))
    }

    @Test(arguments: [
        "", "relative/path", "file:", "file:/srv", "file://other/srv", "file://", "ext::sh -c id",
        "-oProxyCommand=x",
        "--upload-pack=x", "/srv/$(id)", "/srv/`id`", "/srv/a;b", "/srv/a\nb", "file:///srv/a%0ab",
        "file:///srv/%2e%2e/x",
        "file:///srv/%", "file:///srv/%zz", "/srv/../x", "/srv/./x", "host:path", "/srv/\u{202E}x",
        "file:///a%00b",
        "/srv/a'b",
    ])
    func `F038 a location that could be read in another way is refused`(_ text: String) {
        #expect(code { () throws(GitError) in _ = try RemoteLocation(text) } == .invalidURL)
    }

    @Test(arguments: [
        "ssh://-oProxyCommand=x/y", "ssh://git@-oProxyCommand=x/y", "ssh://-x@example.org/y",
        "ssh://example.org/y", "ssh://git@example.org", "ssh://git@example.org/a%20b", "https://example.org",
        "https://user@example.org/a", "https://user:secret@example.org/a", "https://example.org/a?b=c",
        "https://example.org/a#b", "https://exa%0ample.org/a", "https://example.org%0a/a",
        "https://example.org:0/a", "https://example.org:99999/a", "https://example.org:1x/a", "https:///a",
        "https://-example.org/a", "https://example..org/a", "https://[::1]/a", "https://example.org/../a",
        "https://example.org/a%0ab", "https://example.org/%2e%2e/a", "https://example.org/a%2fb",
        "https://example.org/$(id)", "https://example.org/a\\b", "ssh://git@example.org/a'b",
        "git@example.org:-x", "git@example.org:a;b", "git@-x:a", "-x@example.org:a", "git@example.org:",
        "ext::sh -c id", "file:srv/x", "file://other/srv/x", "fd::17/x",
    ])
    func `F038 a URL that could be read in another way is refused`(_ text: String) {
        #expect(code { () throws(GitError) in _ = try RemoteLocation(text) } == .invalidURL)
    }

    @Test func `URLs come apart into what is connected to`() throws {
        func transport(_ text: String) throws -> RemoteLocation.Transport {
            try RemoteLocation(text, allowingPlainHTTP: true).transport
        }
        let host = RemoteLocation.Endpoint(host: "git.example.org", port: 443)
        #expect(try transport("https://Git.Example.org/acme/a%20b.git") == .https(host))
        #expect(try transport("https://git.example.org:443/~acme/config") == .https(host))
        #expect(
            try transport("http://127.0.0.1:8080/x") == .http(.init(host: "127.0.0.1", port: 8080)))
        #expect(
            try transport("ssh://git@git.example.org:2222/a/b")
                == .ssh(user: "git", .init(host: "git.example.org", port: 2222)))
        #expect(
            try transport("git@git.example.org:acme/config.git")
                == .ssh(user: "git", .init(host: "git.example.org", port: 22)))
    }

    @Test(arguments: ["http://example.org/a", "git://example.org/a", "ftp://example.org/a"])
    func `a transport that authenticates no server is named as such`(_ text: String) {
        #expect(code { () throws(GitError) in _ = try RemoteLocation(text) } == .unsupportedTransport)
    }

    @Test func `credentials are taken out of library messages`() {
        let message = "failed: 'https://user:p@ss@example.org/a@b' and ssh://git@host/x, plain a@b"
        #expect(
            RemoteLocation.withoutCredentials(message)
                == "failed: 'https://example.org/a@b' and ssh://host/x, plain a@b")
        #expect(RemoteLocation.withoutCredentials("nothing") == "nothing")
    }
}
