import Files
import Glibc
import Support
import Testing

@testable import Git

@Suite(.enabled(if: HTTPGitServer.isExpected, Comment(rawValue: HTTPGitServer.absence)))
struct HTTPFetchTests {
    private let fixture = FetchFixture()

    private var authority: CertificateAuthority {
        unsafe mkdir(fixture.scratch.file("ca"), 0o700)
        return CertificateAuthority(in: fixture.scratch.file("ca"))
    }

    private func trusting(
        _ authority: CertificateAuthority, _ credential: RemoteAccess.Credential? = nil
    ) -> RemoteAccess {
        RemoteAccess(authorities: Path(authority.certificate), credential: credential)
    }

    @Test func `a mirror over HTTPS has every ref and object, and later fetches bring what is new`() throws {
        let authority = authority
        let server = HTTPGitServer(root: fixture.root, certificate: authority.certificate("server"))
        let first = try fixture.fetch(server.url("app.git"), access: trusting(authority))
        #expect(fixture.isComplete)
        #expect(first.references.head == .symbolic("refs/heads/main".ref))
        fixture.source.write("c", String(repeating: "line\n", count: 1000))
        let second = fixture.source.commit("second")
        fixture.source.git("branch", "-q", "-D", "feature/x")
        let mirror = try fixture.fetch(server.url("app.git"), access: trusting(authority))
        #expect(mirror.references["refs/heads/main".ref] == second.id)
        #expect(try mirror.repository.commit(second.id).message == Array("second\n".utf8))
        #expect(fixture.isComplete)
        let state = fixture.mirrorState
        try fixture.fetch(server.url("app.git"), access: trusting(authority))
        #expect(fixture.mirrorState == state)
    }

    @Test func `refs that anybody can make are left out where branches and tags are wanted`() throws {
        let server = HTTPGitServer(root: fixture.root)
        let mirror = try fixture.fetch(server.url("app.git"), scope: .branchesAndTags)
        #expect(
            mirror.references.entries.map(\.name.description) == [
                "refs/heads/feature/x", "refs/heads/main", "refs/tags/v1.0.0",
            ])
        let all = try fixture.fetch(server.url("app.git"))
        #expect(all.references["refs/pull/1/head".ref] != nil)
        let again = try fixture.fetch(server.url("app.git"), scope: .branchesAndTags)
        #expect(again.references == all.references)
    }

    @Test func `a repository of SHA-256 objects and a shallow one are refused in words`() throws {
        let server = HTTPGitServer(root: fixture.root)
        ScratchRepository.git(["init", "-q", "--bare", "--object-format=sha256", fixture.root + "/long.git"])
        let work = fixture.scratch.file("long")
        ScratchRepository.git(["init", "-q", "--object-format=sha256", "-b", "main", work])
        let long = ScratchRepository(at: work)
        long.commit("one")
        long.git("push", "-q", fixture.root + "/long.git", "main")
        fixture.source.commit("two")
        ScratchRepository.git(
            [
                "clone", "-q", "--bare", "--depth=1", "file://" + fixture.source.path,
                fixture.root + "/cut.git",
            ])
        for name in ["long.git", "cut.git"] {
            let failure = fixture.failure(server.url(name))
            #expect(failure?.code == .unsupportedRepository, "\(name): \(String(describing: failure))")
            #expect(fixture.leftovers == "")
        }
    }

    @Test func `an empty repository and a detached HEAD are followed`() throws {
        let server = HTTPGitServer(root: fixture.root)
        _ = ScratchRepository(creating: fixture.root + "/empty.git", bare: true)
        let empty = try fixture.fetch(server.url("empty.git"))
        #expect(empty.references.entries.isEmpty)
        fixture.source.git("checkout", "-q", "--detach")
        fixture.source.write("d", "2")
        let loose = fixture.source.commit("loose")
        let mirror = try fixture.fetch(server.url("app.git"))
        #expect(mirror.references.head == .detached(loose.id))
        #expect(try mirror.repository.commit(loose.id).parents.count == 1)
    }

    @Test func `F036 a server that can't be reached or recognised leaves the last good mirror`() throws {
        let authority = authority
        let good = HTTPGitServer(root: fixture.root, certificate: authority.certificate("server"))
        try fixture.fetch(good.url("app.git"), access: trusting(authority))
        let state = fixture.mirrorState
        fixture.source.write("new", "2")
        fixture.source.commit("not to be seen")

        let expired = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("old", to: "20210101000000Z"))
        let foreign = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("other", host: "git.example.org"))
        let future = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("new", from: "20390101000000Z"))
        let closed = "https://localhost:\(BackgroundProcess.freePort())/git/app.git"
        let cases: [(String, GitError.Code, String)] = [
            (expired.url("app.git"), .serverNotTrusted, "has expired"),
            (foreign.url("app.git"), .serverNotTrusted, "is for another host"),
            (future.url("app.git"), .serverNotTrusted, "is not valid yet"),
            (closed, .unreachable, "no connection"),
            ("https://nothing.invalid/git/app.git", .unreachable, "can't be resolved"),
            (good.url("none.git"), .repositoryMissing, "no repository there"),
        ]
        for (url, code, words) in cases {
            let failure = fixture.failure(url, access: trusting(authority))
            #expect(failure?.code == code, "\(url): \(String(describing: failure))")
            #expect(failure?.context.contains(words) == true, "\(String(describing: failure))")
            #expect(fixture.mirrorState == state)
        }
        let stranger = fixture.failure(good.url("app.git"))
        #expect(stranger?.code == .serverNotTrusted)
        #expect(stranger?.context.contains("no authority that is trusted") == true)
        #expect(fixture.mirrorState == state)
        #expect(fixture.leftovers.isEmpty)
    }

    @Test(arguments: [true, false])
    func `F037 a redirect elsewhere is refused and no credential goes there`(isOtherHost: Bool) throws {
        let authority = authority
        let certificate = authority.certificate("server")
        let trap = HTTPGitServer(root: fixture.root, certificate: certificate)
        // Another name of this machine, or the same name and another port.
        let host = isOtherHost ? "localhost.localdomain" : "localhost"
        let server = HTTPGitServer(
            root: fixture.root, certificate: certificate, redirect: "https://\(host):\(trap.port)")
        let login = TestSecret("username=deploy\npassword=CANARY-token\n")
        let failure = fixture.failure(server.url("app.git"), access: trusting(authority, .login(login)))
        #expect(failure?.code == .redirectRefused, "\(String(describing: failure))")
        #expect(trap.requests.isEmpty)
        #expect(server.requests.contains { $0.contains(" 301 ") || $0.contains(" 302 ") })
    }

    @Test func `F037 a redirect to plain HTTP and a bearer token's redirect are refused`() throws {
        let authority = authority
        let trap = HTTPGitServer(root: fixture.root)
        let server = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("server"),
            redirect: "http://localhost:\(trap.port)")
        let token = TestSecret("password=CANARY-token\n")
        let failure = fixture.failure(server.url("app.git"), access: trusting(authority, .login(token)))
        #expect(failure?.code == .redirectRefused)
        #expect(trap.requests.isEmpty)
    }

    @Test func `a login opens what asks for one, and a wrong one is told`() throws {
        let authority = authority
        let server = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("server"), login: "deploy:CANARY-1")
        func code(_ secret: String?) -> GitError.Code? {
            let credential = secret.map { RemoteAccess.Credential.login(TestSecret($0)) }
            return fixture.failure(server.url("app.git"), access: trusting(authority, credential))?.code
        }
        #expect(code(nil) == .authenticationFailed)
        #expect(code("username=deploy\npassword=other\n") == .authenticationFailed)
        #expect(code("username=deploy\npassword=CANARY-1") == nil)
        #expect(fixture.isComplete)
        for broken in [
            "", "deploy:CANARY-1", "username=deploy\n", "username=a\nusername=b\npassword=c\n",
            "username=a\npassword=\n", "authtype=bearer\nusername=a\npassword=b\n", "password=a\u{7F}b\n",
        ] {
            let failure = fixture.failure(
                server.url("app.git"), access: trusting(authority, .login(TestSecret(broken))))
            #expect(failure?.code == .unusableCredential)
            #expect(failure?.context.contains("CANARY") == false)
        }
    }

    @Test func `a bearer token is sent as such`() throws {
        let server = HTTPGitServer(root: fixture.root)
        let token = TestSecret("authtype=bearer\ncredential=abc.def\n")
        try fixture.fetch(server.url("app.git"), access: RemoteAccess(credential: .login(token)))
        #expect(fixture.isComplete)
        let requests = server.requests
        #expect(!requests.isEmpty && requests.allSatisfy { $0.hasSuffix("Bearer abc.def") }, "\(requests)")
    }

    @Test func `a secret is in no argument and no variable of the process that fetches`() throws {
        let authority = authority
        let server = HTTPGitServer(
            root: fixture.root, certificate: authority.certificate("server"), login: "deploy:CANARY-1")
        let seen = fixture.scratch.file("seen")
        let program = fixture.scratch.file("program")
        ScratchRepository(at: fixture.scratch.path).write(
            "program",
            "#!/bin/sh\n(env; echo \"$0 $*\"; ls -l /proc/$$/fd) >\(seen)\nexec \(FetchFixture.probe)\n")
        #expect(ShellCommand.run("chmod", ["+x", program]).status == 0)
        let login = TestSecret("username=deploy\npassword=CANARY-1\n")
        try fixture.fetch(
            server.url("app.git"), access: trusting(authority, .login(login)), program: program)
        let text = ShellCommand.run("cat", [seen]).text
        #expect(text.contains("HOME="))
        #expect(!text.contains("CANARY"))
        let grep = ShellCommand.run("grep", ["-r", "CANARY", fixture.scratch.file("mirror.git")])
        #expect(grep.status == 1)
    }

    @Test func `credentials never go over plain HTTP to another machine`() throws {
        let access = RemoteAccess(credential: .login(TestSecret("password=x")))
        let result = code { () throws(GitError) in
            try access.check(for: RemoteLocation("http://git.example.org/x", allowingPlainHTTP: true))
        }
        #expect(result == .unusableCredential)
    }

    @Test func `a file of authorities that is none is told`() throws {
        let access = RemoteAccess(authorities: Path(fixture.source.path + "/a/b"))
        let failure = fixture.failure("https://localhost:1/git/app.git", access: access)
        #expect(failure?.code == .unusableCredential)
    }
}
