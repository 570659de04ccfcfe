import Encodings
import Files
import Git
import Glibc
import Support
import Synchronization
import Testing

@testable import Delivery

@Suite struct SharedTargetTests {
    let fixture = Fixture()

    private func listing() -> [String] {
        fixture.listing(fixture.app).filter { !$0.hasPrefix(".strongroom/") }
    }

    @Test func `files are delivered beside foreign ones with exact modes`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        fixture.write("app/foreign.conf", "foreign")
        unsafe chmod(fixture.app, 0o755)
        unsafe chmod(fixture.app + "/foreign.conf", 0o644)
        let target = try fixture.target(.files, mode: 0o440)
        let tree = try fixture.tree(["a.txt": "one", "deep/run*": "two"])
        #expect(try fixture.deliver(tree, to: target).outcome == .applied)
        #expect(
            listing() == [
                ".strongroom d 700", "a.txt f 440", "deep d 750", "deep/run f 550", "foreign.conf f 644",
            ])
        #expect(try fixture.deliver(tree, to: target).outcome == .unchanged)
    }

    @Test func `F060 only files of our own manifest are removed`() throws {
        fixture.write("app/deep/foreign.conf", "foreign")
        let target = try fixture.target(.files)
        try fixture.deliver(
            try fixture.tree(["a.txt": "one", "deep/b.txt": "two", "own/c.txt": "three"]), to: target)
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(try target.preview(tree).lines.dropLast() == ["remove deep/b.txt", "remove own/c.txt"])
        try fixture.deliver(tree, to: target)
        #expect(
            listing().map { String($0.prefix { $0 != " " }) } == [
                ".strongroom", "a.txt", "deep", "deep/foreign.conf",
            ])
        #expect(fixture.text("app/deep/foreign.conf") == "foreign")
    }

    @Test func `a foreign file in a delivered file's place is refused before anything is written`() throws {
        fixture.write("app/b.txt", "foreign")
        let target = try fixture.target(.files)
        let tree = try fixture.tree(["a.txt": "one", "b.txt": "two"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetNotOurs)
        #expect(fixture.text("app/b.txt") == "foreign")
        #expect(fixture.text("app/a.txt") == nil)
    }

    @Test func `F056 a link in the way is not followed`() throws {
        let target = try fixture.target(.files)
        try fixture.deliver(try fixture.tree(["deep/a.txt": "one"]), to: target)
        fixture.write("outside/a.txt", "outside")
        TemporaryDirectory.removeTree(fixture.app + "/deep")
        unsafe symlink("../outside", fixture.app + "/deep")
        let tree = try fixture.tree(["deep/a.txt": "two"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetRefused)
        #expect(fixture.text("outside/a.txt") == "outside")
    }

    @Test func `F056 a directory that flips to a link and back never leads a write outside`() throws {
        let target = try fixture.target(.files)
        try fixture.deliver(try fixture.tree(["deep/a.txt": "one"]), to: target)
        fixture.write("outside/a.txt", "outside")
        let (deep, aside) = (fixture.app + "/deep", fixture.scratch.file("aside"))
        let link = fixture.scratch.file("link")
        unsafe symlink("../outside", link)
        let stop = Atomic<Bool>(false)
        let flips = Atomic<Int>(0)
        try withThread {
            while !stop.load(ordering: .relaxed) {
                _ = unsafe rename(deep, aside)
                _ = unsafe rename(link, deep)
                _ = unsafe rename(deep, link)
                _ = unsafe rename(aside, deep)
                flips.add(1, ordering: .relaxed)
            }
        } during: {
            var round = 0
            while round < 300 || flips.load(ordering: .relaxed) < 100_000 {
                round += 1
                let tree = try fixture.tree(["deep/a.txt": "round \(round)"])
                let refused = code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) }
                let isExpected =
                    refused.map { [.targetRefused, .targetNotOurs, .io].contains($0) } ?? true
                #expect(isExpected)
            }
            stop.store(true, ordering: .relaxed)
        }
        #expect(fixture.listing(fixture.scratch.file("outside")).map { $0.prefix { $0 != " " } } == ["a.txt"])
        #expect(fixture.text("outside/a.txt") == "outside")
    }

    @Test func `a target that is a link is refused`() throws {
        fixture.write("outside/a.txt", "outside")
        unsafe symlink("outside", fixture.app)
        let target = try fixture.target(.files)
        let tree = try fixture.tree(["a.txt": "two"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetRefused)
        #expect(fixture.text("outside/a.txt") == "outside")
    }

    @Test func `a name of Strongroom's own is refused in the tree`() throws {
        let target = try fixture.target(.files)
        let tree = try fixture.tree([".strongroom/manifest": "forged"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .targetNotOurs)
    }

    @Test func `a dry run leaves no trace`() throws {
        let target = try fixture.target(.files)
        #expect(!(try target.preview(try fixture.tree(["a.txt": "one"])).isEmpty))
        #expect(fixture.listing(fixture.scratch.path).isEmpty)
        fixture.write("app/foreign.conf", "foreign")
        let before = fixture.listing(fixture.scratch.path)
        #expect(try target.preview(try fixture.tree(["a.txt": "one"])).count(.add) == 1)
        #expect(fixture.listing(fixture.scratch.path) == before)
    }

    @Test func `what a killed run left is cleared and taken over by the next`() throws {
        let target = try fixture.target(.files)
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target)
        fixture.write("app/.a.txt.tmp-0123456789abcdef", "half")
        try fixture.deliver(try fixture.tree(["a.txt": "two"]), to: target)
        #expect(listing() == [".strongroom d 700", "a.txt f 400"])
        #expect(fixture.text("app/a.txt") == "two")
    }

    @Test func `F048 a second delivery to a locked target is refused`() throws {
        let target = try fixture.target(.files)
        let tree = try fixture.tree(["a.txt": "one"])
        let first = try TargetSession.open(target, now: time(1_000))
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .locked)
        let plan = try first.plan(tree)
        #expect(try first.deliver(plan, at: time(1_000)).outcome == .applied)
    }

    @Test func `the manifest is read back as written and in no other form`() throws {
        let manifest = FilesManifest(files: ["a", "b/c", "b/d"], directories: ["b"])
        let bytes = manifest.bytes
        #expect(try FilesManifest(bytes) == manifest)
        for count in 0..<bytes.count {
            #expect(throws: EncodingError.self) { try FilesManifest(Array(bytes[..<count])) }
        }
        #expect(throws: EncodingError.self) { try FilesManifest(bytes + [0]) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                if let other = try? FilesManifest(flipped) { #expect(other.bytes == flipped) }
            }
        }
        for path in ["../x", "/x", "a//b", "a/", ".", ""] {
            let forged = FilesManifest(files: [Path(path)]).bytes
            #expect(throws: EncodingError.self) { try FilesManifest(forged) }
        }
    }
}
