import Glibc
import Support
import Testing

/// A store of Tests/Fixtures/Stores: bytes that a program wrote once, and that each later one has to read.
///
///     store/                  the store, as it was made
///     expected/<id>           what the snapshot holds, a line a fact (FrozenListing)
///     alice.identity          reads; a key for this test alone
///     host.identity           adds and prunes; likewise
///     agent.identity          of the agent that was revoked, where there is one
///     check                   what `store check --read-data` ends with
struct FrozenStore: Sendable, CustomTestStringConvertible {
    let name: String

    /// The stores, by name.
    static let all = ["everyday", "fine", "mended"].map(FrozenStore.init)

    var testDescription: String { name }

    /// Where the stores lie.
    static let folder: String = {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return parts.joined(separator: "/") + "/Fixtures/Stores"
    }()

    /// Where stores are to be made anew; nil for not at all.
    static let making: String? = {
        guard let text = unsafe getenv("STRONGROOM_FROZEN") else { return nil }
        return unsafe String(cString: text)
    }()

    private var path: String { "\(FrozenStore.folder)/\(name)" }

    /// A world that holds a copy of the store and of the identities in the place of its own.
    func world() -> World {
        let world = World()
        World.copy("\(path)/store", to: world.path("store"))
        for identity in ["alice", "host", "agent"] {
            let file = "\(path)/\(identity).identity"
            guard unsafe access(file, R_OK) == 0 else { continue }
            TemporaryDirectory.removeTree(world.path("\(identity).identity"))
            World.copy(file, to: world.path("\(identity).identity"))
            // Git keeps no mode but one bit.
            unsafe chmod(world.path("\(identity).identity"), 0o600)
        }
        return world
    }

    /// The snapshots of which it is written down what they hold.
    var snapshots: [String] {
        ShellCommand.run("ls", ["\(path)/expected"]).text.split(separator: "\n").map(String.init)
    }

    /// The one snapshot, of `everyday`, that is partial: a command of it failed.
    static let partial = "97423e31507f4cd5cb4740bc875ea43e0b86b7eb145c6e64dd9ac62af79bb7ab"

    /// A snapshot that holds a directory `uploads`.
    var upload: String {
        snapshots.first { id in
            ShellCommand.run("grep", ["-q", "directories/uploads/readme", expectation(of: id)]).status == 0
        } ?? ""
    }

    /// The file that says what a snapshot holds.
    func expectation(of id: String) -> String { "\(path)/expected/\(id)" }

    /// What a check of all bytes ends with: 9 where a damaged pack is still there.
    var checkStatus: Int32 { Int32(ShellCommand.run("cat", ["\(path)/check"]).text) ?? -1 }
}
