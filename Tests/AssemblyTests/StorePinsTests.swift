import Archives
import Assembly
import Files
import Sodium
import Support
import Testing
import Trust

@Suite struct StorePinsTests {
    private let scratch = TemporaryDirectory("pins")
    private var directory: Path { Path(scratch.file("state/pins")) }
    private var pins: StorePins { StorePins(directory: directory) }

    private func trust(_ generation: UInt64 = 3) -> StoreTrust {
        StoreTrust(
            root: Fingerprint(of: [1, 2, 3]), generation: generation,
            agents: [[UInt8](repeating: 7, count: 32): 5, [UInt8](repeating: 1, count: 32): 9])
    }

    @Test func `what was seen of a store is known again, by its location`() throws {
        try pins.record(trust(), for: "/srv/one")
        let known = try pins.trust(for: "/srv/one")
        #expect(known.root == trust().root)
        #expect(known.generation == 3)
        #expect(known.agents == trust().agents)
        #expect(try pins.trust(for: "/srv/two").root == nil)
        try pins.record(trust(4), for: "/srv/one")
        #expect(try pins.trust(for: "/srv/one").generation == 4)
    }

    @Test func `nothing is made before the first pin, and pins are closed to others`() throws {
        #expect(try pins.trust(for: "/srv/one").root == nil)
        #expect(try Directory(Path(scratch.path)).entries().isEmpty)
        try pins.record(StoreTrust(), for: "/srv/one")
        #expect(try Directory(Path(scratch.path)).entries().isEmpty)
        try pins.record(trust(), for: "/srv/one")
        let folder = try Directory(directory)
        #expect(try folder.metadata().mode == 0o700)
        for entry in try folder.entries() {
            #expect(try folder.metadata(of: entry.name).mode == 0o600)
        }
    }

    @Test func `a pin that is damaged, or of another place, is an error and no first sight`() throws {
        try pins.record(trust(), for: "/srv/one")
        try pins.record(trust(), for: "/srv/two")
        let folder = try Directory(directory)
        let names = try folder.entries().map(\.name)
        let bytes = try folder.read(names[0], limit: 1 << 20)
        for changed in (0..<bytes.count).map({ Array(bytes[..<$0]) }) + [bytes + [0]] {
            try changed.withBytes { try folder.write($0, to: names[0]) }
            #expect(throws: (any Error).self, "\(changed.count)") { try readBoth() }
        }
        // The other one's file under this one's name.
        try folder.rename(names[1], to: names[0])
        #expect(throws: (any Error).self) { try readBoth() }
    }

    @Test func `what a killed writer left goes with the next pin`() throws {
        try pins.record(trust(), for: "/srv/one")
        let folder = try Directory(directory)
        try [1].withBytes { try folder.writeNew($0, to: ".store@x.pin.tmp-0123456789abcdef") }
        try pins.record(trust(), for: "/srv/one")
        #expect(try folder.entries().count == 1)
    }

    private func readBoth() throws {
        for location in ["/srv/one", "/srv/two"] { _ = try pins.trust(for: location) }
    }
}
