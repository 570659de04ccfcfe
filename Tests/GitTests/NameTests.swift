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
        #expect(try RemoteLocation(text).path.bytes == Array(path.utf8))
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
        "https://example.org/a", "ssh://git@example.org/a", "http://example.org/a", "git://example.org/a",
    ])
    func `a transport that is not built is named as such`(_ text: String) {
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
