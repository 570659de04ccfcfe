import Files
import Sodium
import Support
import Testing

@testable import Keyrings

/// Files that we write and the `age` program reads, and the other way round.
@Suite(
    .enabled(
        if: Vectors.isCI || ShellCommand.run("age", ["--version"]).status == 0,
        "the age program is not installed"))
struct StockAgeTests {
    private let directory = TemporaryDirectory()
    private let own = identity(0x42)

    private var keyFile: String { directory.file("key.txt") }

    private init() throws {
        let text = own.encoded()
        try text.withBytes { (bytes) throws in
            try IdentityFile.create(Path(directory.file("key.txt")), content: bytes)
        }
    }

    private static let sizes = [0, 1, 1_000, 65_535, 65_536, 65_537, 200_000]

    private static func plaintext(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    }

    @Test(arguments: sizes, [false, true]) func `age opens what we encrypt`(count: Int, armored: Bool) throws
    {
        let plaintext = Self.plaintext(count)
        let scope = Stanza(type: "strongroom-scope", arguments: [String(repeating: "A", count: 43)], body: [])
        let file = try Age.encrypt(
            SecretBytes(plaintext), to: [own.recipient, identity(2).recipient], extraStanzas: [scope],
            armored: armored)
        let outcome = ShellCommand.run("age", ["-d", "-i", keyFile], stdin: file)
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(outcome.stdout == plaintext)
    }

    @Test(arguments: sizes, [false, true]) func `we open what age encrypts`(count: Int, armored: Bool) throws
    {
        let plaintext = Self.plaintext(count)
        let arguments =
            ["-r", identity(2).recipient.text, "-r", own.recipient.text] + (armored ? ["-a"] : [])
        let outcome = ShellCommand.run("age", arguments, stdin: plaintext)
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let opened = try Age.decrypt(outcome.stdout, with: [own])
        #expect(opened.array == plaintext)
        if armored { #expect(Armor.encode(try Armor.decode(outcome.stdout)) == outcome.stdout) }
    }

    @Test func `age refuses a file of ours that was cut`() throws {
        let file = try Age.encrypt(SecretBytes("attack at dawn"), to: [own.recipient])
        #expect(ShellCommand.run("age", ["-d", "-i", keyFile], stdin: Array(file.dropLast())).status != 0)
    }

    @Test func `identity files go both ways`() throws {
        let made = ShellCommand.run("age-keygen")
        try #require(made.status == 0)
        let theirs = try IdentityFile.parse(SecretBytes(made.stdout))
        #expect(theirs.count == 1)
        let outcome = ShellCommand.run("age-keygen", ["-y"], stdin: made.stdout)
        #expect(outcome.text == theirs.first?.recipient.text)
        let ours = ShellCommand.run("age-keygen", ["-y", keyFile])
        #expect(ours.text == own.recipient.text)
    }
}
