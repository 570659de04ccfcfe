import Files
import Support
import Testing

@testable import Git

@Suite struct RepositoryTests {
    private let scratch = TemporaryDirectory()

    private func make() -> ScratchRepository { ScratchRepository(creating: scratch.file("r")) }

    private func open() throws -> Repository { try Repository(at: Path(scratch.file("r"))) }

    @Test func `F043 objects are read raw whatever attributes say, by type and within limits`() throws {
        let scratch = make()
        scratch.write("a", "$Id$ x\n")
        scratch.write(".gitattributes", "* eol=crlf ident\n")
        let commit = scratch.commit("first").id
        let repository = try open()
        let blob = try #require(try repository.entry(at: Array("a".utf8), in: repository.commit(commit).tree))
        #expect(try repository.blob(blob.id) == Array("$Id$ x\n".utf8))
        #expect(try repository.header(of: blob.id).byteCount == 7)
        #expect(try repository.object(commit).bytes == scratch.run("cat-file", "commit", commit.hex).stdout)
        #expect(try repository.withBlob(blob.id) { bytes in bytes.byteCount } == 7)
        let missing = String(repeating: "9", count: 40).id
        #expect(code { () throws(GitError) in _ = try repository.object(missing) } == .objectMissing)
        #expect(code { () throws(GitError) in _ = try repository.blob(blob.id, limit: 6) } == .limitExceeded)
        #expect(code { () throws(GitError) in _ = try repository.blob(commit) } == .wrongObjectType)
        #expect(code { () throws(GitError) in _ = try repository.commit(blob.id) } == .wrongObjectType)
    }

    @Test func `an object whose bytes are others than its name says is damage`() throws {
        let scratch = make()
        let good = scratch.object("blob", Array("good".utf8))
        let other = scratch.object("blob", Array("evil".utf8))
        let place = "\(scratch.path)/.git/objects/"
        func file(_ id: String) -> String { "\(place)\(id.prefix(2))/\(id.dropFirst(2))" }
        #expect(ShellCommand.run("cp", ["-f", file(other), file(good)]).status == 0)
        let repository = try open()
        #expect(code { () throws(GitError) in _ = try repository.blob(good.id) } == .damaged)
    }

    @Test func `a walk lists every entry with its size, directories first`() throws {
        let scratch = make()
        scratch.write("b/c/d", "12345")
        scratch.write("a", "1")
        #expect(ShellCommand.run("ln", ["-s", "/etc/passwd", scratch.path + "/link"]).status == 0)
        scratch.commit("first")
        let repository = try open()
        let tree = scratch.git("rev-parse", "HEAD^{tree}").id
        let entries = try repository.walk(tree: tree)
        #expect(
            entries.map { String(decoding: $0.path, as: UTF8.self) } == ["a", "b", "b/c", "b/c/d", "link"])
        #expect(entries.map(\.byteCount) == [1, nil, nil, 5, 11])
        #expect(entries.map(\.mode) == [.file, .directory, .directory, .file, .symbolicLink])
        #expect(try repository.entry(at: Array("b/c/d".utf8), in: tree)?.id == entries[3].id)
        #expect(try repository.entry(at: Array("b/c".utf8), in: tree)?.mode == .directory)
        #expect(try repository.entry(at: Array("link/x".utf8), in: tree) == nil)
        #expect(try repository.entry(at: Array("no".utf8), in: tree) == nil)
        for path in ["", "/a", "b/../a", "b//c"] {
            let result = code { () throws(GitError) in
                _ = try repository.entry(at: Array(path.utf8), in: tree)
            }
            #expect(result == .invalidName)
        }
    }

    @Test func `F045 a walk stops at its limit, even where subtrees repeat themselves`() throws {
        let scratch = make()
        var node = scratch.object("blob", [0x78]).id
        var mode = "100644"
        for _ in 0..<12 {
            let names = (0..<10).map { "e\($0)" }
            let raw = names.flatMap { Array("\(mode) \($0)\u{0}".utf8) + node.bytes }
            (node, mode) = (scratch.object("tree", raw).id, "40000")
        }
        let repository = try open()
        let result = code { () throws(GitError) in _ = try repository.walk(tree: node, entryLimit: 5_000) }
        #expect(result == .limitExceeded)
    }

    @Test func `F045 refs above the limit are refused`() throws {
        let id = String(repeating: "1", count: 40).id
        let entry = References.Entry("refs/heads/a".ref, id)
        let many = [References.Entry](repeating: entry, count: GitLimits.references + 1)
        #expect(
            code { () throws(GitError) in _ = try References(many, head: .detached(id)) } == .limitExceeded)
    }

    @Test func `refs of one name, or one below another, are refused`() throws {
        let id = String(repeating: "1", count: 40).id
        for (first, second) in [("refs/heads/a", "refs/heads/a"), ("refs/heads/a", "refs/heads/a/b")] {
            let entries = [References.Entry(first.ref, id), References.Entry(second.ref, id)]
            #expect(
                code { () throws(GitError) in _ = try References(entries, head: .detached(id)) }
                    == .invalidName)
        }
    }

    @Test func `history is walked, compared and bounded`() throws {
        let scratch = make()
        scratch.write("a", "1")
        let first = scratch.commit("first").id
        scratch.write("a", "2")
        let second = scratch.commit("second").id
        scratch.git("checkout", "-q", "-b", "side", first.hex)
        scratch.write("b", "1")
        let side = scratch.commit("side").id
        scratch.git("checkout", "-q", "main")
        scratch.git("merge", "-q", "--no-ff", "-m", "merge", "side")
        let merge = scratch.git("rev-parse", "HEAD").id
        scratch.git("checkout", "-q", "--orphan", "other")
        let other = scratch.commit("unrelated").id
        let repository = try open()
        #expect(try repository.isAncestor(first, of: merge))
        #expect(try repository.isAncestor(merge, of: merge))
        #expect(try !repository.isAncestor(merge, of: first))
        #expect(try !repository.isAncestor(side, of: second))
        #expect(try repository.mergeBase(second, side) == first)
        #expect(try repository.mergeBase(other, side) == nil)
        #expect(try Set(repository.commits(from: [merge], excluding: [second])) == [merge, side])
        let all = try repository.commits(from: [merge])
        #expect(all.first == merge && all.last == first && all.count == 4)
        #expect(try repository.commits(from: [first], excluding: [merge]).isEmpty)
        #expect(
            code { () throws(GitError) in _ = try repository.commits(from: [merge], limit: 3) }
                == .limitExceeded)
        let missing = String(repeating: "9", count: 40).id
        #expect(
            code { () throws(GitError) in _ = try repository.isAncestor(missing, of: merge) }
                == .objectMissing)
        #expect(
            code { () throws(GitError) in _ = try repository.mergeBase(missing, merge) } == .objectMissing)
    }

    @Test func `names of refs that are not UTF-8 stay what they are`() throws {
        let scratch = make()
        scratch.write("a", "1")
        let first = scratch.commit("first").id
        let line = Array("\(first.hex) refs/heads/x".utf8) + [0xFF, 0x0A]
        scratch.write(".git/packed-refs", Array("# pack-refs with: sorted \n".utf8) + line)
        let references = try open().references()
        #expect(references.entries.map(\.name.bytes).contains(Array("refs/heads/x".utf8) + [0xFF]))
        let mirror = try Mirror.fetch(RemoteLocation(scratch.path), into: Path(self.scratch.file("m.git")))
        #expect(mirror.references == references)
        #expect(try Mirror(at: Path(self.scratch.file("m.git"))).references == references)
    }

    @Test func `a work tree is found from below, through linked ones and not beyond the root`() throws {
        let scratch = make()
        scratch.write("a/b/c", "1")
        scratch.commit("first")
        scratch.git("worktree", "add", "-q", self.scratch.file("linked"))
        let found = try WorkTree.discover(from: Path(scratch.path + "/a/b"))
        #expect(found.root == Path(scratch.path))
        #expect(found.gitDirectory == Path(scratch.path + "/.git"))
        #expect(found.relative(Path(scratch.path + "/a/b/c")) == "a/b/c")
        #expect(found.relative("/elsewhere") == nil)
        let linked = try WorkTree.discover(from: Path(self.scratch.file("linked/a")))
        #expect(linked.root == Path(self.scratch.file("linked")))
        #expect(linked.gitDirectory == Path(scratch.path + "/.git/worktrees/linked"))
        #expect(linked.commonDirectory != linked.gitDirectory)
        #expect(
            code { () throws(GitError) in _ = try WorkTree.discover(from: Path(self.scratch.path)) }
                == .repositoryMissing)
        #expect(code { () throws(GitError) in _ = try WorkTree.discover(from: "a/b") } == .invalidName)
        let repository = try Repository(at: linked.root)
        #expect(try repository.references().entries.map(\.name.description).contains("refs/heads/linked"))
    }

    @Test func `the person's own configuration is read with its includes`() throws {
        let repository = make()
        let home = ScratchRepository(at: scratch.file("home"))
        #expect(ShellCommand.run("mkdir", ["-p", home.path]).status == 0)
        home.write(
            "dotfiles",
            """
            # mine
            [user]
            \tname = "Ada # not a comment" ; a comment
            \tsigningKey = /one
            [gpg]
            \tformat = ssh
            [gpg "ssh"]
            \tallowedSignersFile = ~/.ssh/\\
            allowed
            [include]
            \tpath = ~/more
            \tpath = missing
            [includeIf "gitdir:\(scratch.path)/"]
            \tpath = work
            [includeIf "gitdir:/elsewhere/"]
            \tpath = ~/broken
            """)
        #expect(ShellCommand.run("ln", ["-s", "dotfiles", home.path + "/.gitconfig"]).status == 0)
        home.write("more", "[user]\n\tsigningkey = /two\n\temail\n")
        home.write("work", "[user]\n\tsigningkey = key::ssh-ed25519 AAAA\n")
        home.write("broken", "[[[")
        let tree = try WorkTree.discover(from: Path(repository.path))
        func read(_ tree: WorkTree?) throws(GitError) -> UserConfiguration {
            try UserConfiguration(
                home: Path(home.path), configHome: Path(home.path + "/.config"), workTree: tree,
                system: "/nonexistent")
        }
        #expect(try read(nil).signingKey == "/two")
        #expect(try read(tree).signingKey == "key::ssh-ed25519 AAAA")
        #expect(try read(nil).signatureFormat == "ssh")
        #expect(try read(nil).value("user.name") == "Ada # not a comment")
        #expect(try read(nil).value("gpg.ssh.allowedSignersFile") == "~/.ssh/allowed")
        #expect(try read(nil).value("user.email") == "true")
        #expect(try read(nil).value("user.missing") == nil)
        repository.git("config", "user.signingkey", "/three")
        #expect(try read(tree).signingKey == "/three")
        home.write("more", "[user\n")
        #expect(code { () throws(GitError) in _ = try read(nil) } == .malformedConfiguration)
        home.write("more", "[include]\n\tpath = ~/more\n")
        #expect(code { () throws(GitError) in _ = try read(nil) } == .limitExceeded)
    }

    @Test func `a configuration without a section, an end or a value is refused`() {
        for text in ["a = b", "[a\n", "[a] b = \"c\n", "[a] b = \\x", "[a] 1.b", "[a \"b]", "[a] b c"] {
            let result = code { () throws(GitError) in _ = try ConfigurationText(Array(text.utf8)) }
            #expect(result == .malformedConfiguration, "\(text)")
        }
    }

    @Test func `what git config lists is what is parsed`() throws {
        let repository = make()
        let text = "[A]\n b = 1 # x\n c=\" d \"e\\tf\n[a \"S\\\"u\"] b = x\\\n y ; z\nd\n[x.Y] z = \n"
        repository.write("c", text)
        let listed = repository.git("config", "--list", "-z", "-f", "\(repository.path)/c")
        let mine = try ConfigurationText(Array(text.utf8)).entries.map { entry in
            let name = [entry.section, entry.subsection, entry.key].compactMap(\.self).joined(separator: ".")
            return entry.value.map { "\(name)\n\($0)" } ?? name
        }
        #expect(mine == listed.split(separator: "\u{0}").map(String.init))
    }

    @Test func `the library is 1 point 5 or later`() throws {
        try Git.start()
        #expect(try Git.libraryVersion.split(separator: ".").count == 3)
    }
}
