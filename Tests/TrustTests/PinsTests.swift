import Files
import Sodium
import Support
import Testing
import Trust

@Suite struct PinsTests {
    private let directory = TemporaryDirectory("strongroom-pins")
    private let repository = "6f0c2f3e9a5b4d1c8e7f60718293a4b5"

    private var path: Path { Path(directory.file("state/strongroom/pins")) }
    private var pins: Pins { Pins(directory: path) }

    private func chain(_ bodies: String..., admin: UInt8 = 1) throws -> GenerationChain {
        var maker = ChainMaker()
        for body in bodies { try maker.add(body, admins: [admin], signers: [admin]) }
        return try maker.verified()
    }

    @Test func `the first chain is pinned, then it is the same`() throws {
        let chain = try chain("one")
        let first = try pins.check(chain, repository: repository)
        #expect(first.outcome == .pinnedNow(chain.root))
        #expect(first.notWritten == nil)
        #expect(try pins.check(chain, repository: repository).outcome == .same)
        let state = try Directory(path)
        #expect(try state.metadata().mode & 0o7777 == 0o700)
        let names = try state.entries().map(\.name)
        #expect(names == [Path("prod@\(repository).pin")])
        #expect(try state.metadata(of: names[0]).mode & 0o7777 == 0o600)
    }

    @Test func `newer generations advance the pin and older ones never seal`() throws {
        let (one, two, three) = (try chain("1"), try chain("1", "2"), try chain("1", "2", "3"))
        _ = try pins.check(one, repository: repository)
        #expect(try pins.check(three, repository: repository).outcome == .advanced)
        #expect(try pins.check(three, repository: repository).outcome == .same)
        for older in [one, two] {
            let outcome = try pins.check(older, repository: repository).outcome
            #expect(outcome == .olderThanPin)
            #expect(outcome.allowsOpening && !outcome.allowsSealing)
        }
        #expect(try pins.check(three, repository: repository).outcome == .same)
    }

    @Test func `a sibling and another root are refused and leave the pin`() throws {
        let pinned = try chain("1", "2", "3")
        _ = try pins.check(pinned, repository: repository)
        for other in [try chain("1", "2", "x"), try chain("1", "x", "3", "4")] {
            let outcome = try pins.check(other, repository: repository).outcome
            #expect(outcome == .sibling)
            #expect(!outcome.allowsOpening && !outcome.allowsSealing)
        }
        for other in [try chain("x"), try chain("1", admin: 2)] {
            let outcome = try pins.check(other, repository: repository).outcome
            #expect(outcome == .rootMismatch)
            #expect(!outcome.allowsOpening && !outcome.allowsSealing)
        }
        #expect(try pins.check(pinned, repository: repository).outcome == .same)
    }

    @Test func `a sibling is taken after the user's own word`() throws {
        _ = try pins.check(try chain("1", "2"), repository: repository)
        let sibling = try chain("1", "x")
        #expect(try pins.trust(sibling, repository: repository) == nil)
        #expect(try pins.check(sibling, repository: repository).outcome == .same)
    }

    @Test func `a fingerprint decides about the root, before and against a pin`() throws {
        let (mine, other) = (try chain("1", "2"), try chain("x"))
        let refused = try pins.check(mine, repository: repository, trusting: other.root)
        #expect(refused.outcome == .rootMismatch)
        // Nothing was pinned by the refusal.
        #expect(
            try pins.check(mine, repository: repository, trusting: mine.root).outcome
                == .pinnedNow(mine.root))
        #expect(
            try pins.check(try chain("1"), repository: repository, trusting: mine.root).outcome
                == .olderThanPin)
        #expect(
            try pins.check(other, repository: repository, trusting: other.root).outcome
                == .pinnedNow(other.root))
        #expect(try pins.check(mine, repository: repository).outcome == .rootMismatch)
    }

    @Test func `repositories are pinned apart`() throws {
        _ = try pins.check(try chain("1"), repository: repository)
        let other = try chain("x")
        #expect(try pins.check(other, repository: "another").outcome == .pinnedNow(other.root))
    }

    @Test func `a pin that can't be written is said and not fatal`() throws {
        let file = Path(directory.file("a-file"))
        _ = try Directory(Path(directory.path)).createFile("a-file")
        let chain = try chain("1")
        let verdict = try Pins(directory: file.appending("pins")).check(chain, repository: repository)
        #expect(verdict.outcome == .pinnedNow(chain.root))
        #expect(verdict.notWritten != nil)
    }

    @Test func `a damaged pin is refused, whatever is changed in it`() throws {
        let chain = try chain("1", "2")
        _ = try pins.check(chain, repository: repository)
        let state = try Directory(path)
        let name = Path("prod@\(repository).pin")
        let bytes = try state.read(name, limit: 1 << 20)
        func outcome(_ bytes: [UInt8]) throws -> Pins.Outcome? {
            try bytes.withBytes { (bytes) throws(FileError) in try state.write(bytes, to: name) }
            do {
                return try pins.check(chain, repository: repository).outcome
            } catch {
                #expect(error.code == .badPin)
                return nil
            }
        }
        for length in 0..<bytes.count { #expect(try outcome(Array(bytes[..<length])) == nil) }
        #expect(try outcome(bytes + [0]) == nil)
        for offset in stride(from: 0, to: bytes.count, by: 5) {
            var changed = bytes
            changed[offset] ^= 1
            let found = try outcome(changed)
            #expect(found == nil || found == .sibling || found == .rootMismatch)
        }
        #expect(try outcome(bytes) == .same)
    }

    @Test func `names that are no plain words never become paths`() throws {
        let chain = try chain("1")
        for repository in ["", "../x", "a/b", ".", "A", "a b", "a\u{0}", String(repeating: "a", count: 101)] {
            #expect(
                code { () throws(TrustError) in _ = try pins.check(chain, repository: repository) } == .badPin
            )
        }
    }
}
