import Encodings
import Files
import Glibc
import Support
import Synchronization
import Testing

@testable import Delivery

@Suite struct WholeGenerationTests {
    private static let names = ["a.txt", "b.txt", "deep/c.txt", "deep/d.txt"]

    /// What a reader has seen.
    private final class Sightings: Sendable {
        let reads = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
        let halves = Mutex<[String]>([])
        let rounds = Mutex<Set<String>>([])
    }

    /// Pins the directory once, as a program does that means to read several files of one state, and reads them all.
    private static func read(_ path: String) -> [String] {
        let directory = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return ["open: \(errno)"] }
        defer { close(directory) }
        return names.map { name in
            let file = unsafe openat(directory, name, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return "\(name): \(errno)" }
            defer { close(file) }
            var text = [UInt8](repeating: 0, count: 64)
            let count = unsafe Glibc.read(file, &text, text.count)
            return String(decoding: text.prefix(max(0, count)), as: UTF8.self)
        }
    }

    @Test func `F057 a reader that pins the directory sees whole generations, 20,000 times beside 500 syncs`()
        throws
    {
        // In memory, so that no disk slows down what races.
        let fixture = Fixture(in: "/dev/shm")
        let target = try fixture.target()
        func tree(_ round: Int) throws -> OpenedTree {
            try fixture.tree(
                Dictionary(uniqueKeysWithValues: WholeGenerationTests.names.map { ($0, "round \(round)") }),
                commit: round.isMultiple(of: 2) ? "a" : "b")
        }
        try fixture.deliver(try tree(0), to: target)
        let (sightings, path) = (Sightings(), fixture.app)
        var syncs = 0
        try withThread {
            while sightings.reads.load(ordering: .relaxed) < 20_000
                || !sightings.isOver.load(ordering: .relaxed)
            {
                let seen = Set(WholeGenerationTests.read(path))
                if seen.count != 1 || seen.first?.hasPrefix("round ") != true {
                    sightings.halves.withLock { $0.append(seen.sorted().joined(separator: ", ")) }
                }
                sightings.rounds.withLock { $0.formUnion(seen) }
                sightings.reads.add(1, ordering: .relaxed)
            }
        } during: {
            defer { sightings.isOver.store(true, ordering: .relaxed) }
            while syncs < 500 {
                syncs += 1
                try fixture.deliver(try tree(syncs), to: target)
            }
        }
        #expect(sightings.halves.withLock { $0 } == [])
        #expect(syncs >= 500 && sightings.reads.load(ordering: .relaxed) >= 20_000)
        #expect(sightings.rounds.withLock { $0.count } > 50)
    }
}
