import SSH
import Support
import Testing
import Trust

@testable import Keyrings

@Suite struct KeyringFileTests {
    private func keyring() throws -> Keyring {
        try Keyring.create(
            environment: "prod",
            members: [
                member("ada", 1), member("safe", 2, roles: [.escrow]),
                member("drill@agent", 3, roles: [.escrow, .drill]),
            ], admins: [admin(1).publicKey, admin(2).publicKey], threshold: 2, signer: signer(1, 2))
    }

    private func smallKeyring() throws -> Keyring {
        try Keyring.create(environment: "prod", members: [member("ada", 1)], signingWith: admin(1))
    }

    private func twoGenerations() throws -> Keyring {
        let keyring = try keyring()
        let ada = try member("ada", 1)
        let late = try member("late", 4, firstEpoch: 2)
        let body = try KeyringBody(
            members: [ada, late],
            epochs: [epoch(1, 21, .closed, [ada]), epoch(2, 22, .open, [ada, late])])
        return try keyring.appending(
            body: body, admins: [admin(3).publicKey], threshold: 1, signer: signer(2, 1))
    }

    @Test func `what is written reads back as the same keyring`() throws {
        for keyring in [try keyring(), try twoGenerations()] {
            let parsed = try Keyring(parsing: keyring.yaml, environment: "prod")
            #expect(parsed == keyring)
            #expect(parsed.yaml == keyring.yaml)
            #expect(try parsed.open(with: [identity(1)]).epochs == keyring.body.epochs.map(\.number))
        }
    }

    @Test func `the file shows people what is signed`() throws {
        let text = String(decoding: try keyring().yaml, as: UTF8.self)
        for part in [
            "# ", "environment: prod", "name: ada", identity(1).recipient.text, "escrow", "number: 1",
            "-----BEGIN AGE ENCRYPTED FILE-----", "-----BEGIN SSH SIGNATURE-----", "threshold: 2",
            admin(2).publicKey.text,
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test func `the armor of an epoch's identity opens with stock age`() throws {
        let text = String(decoding: try keyring().yaml, as: UTF8.self)
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        guard let begin = lines.firstIndex(of: "-----BEGIN AGE ENCRYPTED FILE-----"),
            let end = lines.firstIndex(of: "-----END AGE ENCRYPTED FILE-----")
        else {
            Issue.record("no armor")
            return
        }
        let directory = TemporaryDirectory()
        ScratchRepository(at: directory.path).write("key", identity(2).encoded().array)
        let outcome = ShellCommand.run(
            "age", ["-d", "-i", directory.file("key")],
            stdin: Array(lines[begin...end].joined(separator: "\n").utf8))
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(outcome.text.hasPrefix("AGE-SECRET-KEY-1"))
    }

    @Test func `comments and blank lines change nothing`() throws {
        let keyring = try keyring()
        let text = String(decoding: keyring.yaml, as: UTF8.self)
        let commented = "# by hand\n\n" + text.replacing("members:\n", with: "members: # ours\n") + "# end\n"
        #expect(try Keyring(parsing: Array(commented.utf8), environment: "prod") == keyring)
    }

    @Test func `another environment's file is refused`() throws {
        let yaml = try keyring().yaml
        #expect(keyringCode { _ = try Keyring(parsing: yaml, environment: "staging") } == .wrongEnvironment)
        // Renamed inside as well, the signatures no longer fit.
        let renamed = String(decoding: yaml, as: UTF8.self).replacing(
            "environment: prod", with: "environment: staging")
        #expect(
            keyringCode { _ = try Keyring(parsing: Array(renamed.utf8), environment: "staging") }
                == .untrusted)
    }

    @Test func `no edit of a signed field is taken`() throws {
        let text = String(decoding: try keyring().yaml, as: UTF8.self)
        let eve = identity(66).recipient.text
        let cases: [(String, String, KeyringError.Code)] = [
            ("name: ada", "name: eve", .wrongBody),
            (identity(1).recipient.text, eve, .wrongBody),
            ("roles: [escrow]", "roles: [drill]", .wrongBody),
            ("roles: [escrow]", "roles: []", .wrongBody),
            ("roles: [escrow, drill]", "roles: [drill, escrow]", .malformed),
            ("roles: [escrow]", "roles: [owner]", .unsupported),
            ("number: 1", "number: 2", .wrongBody),
            ("number: 1", "number: 0", .badMember),
            ("number: 1", "number: -1", .malformed),
            ("suite: 1", "suite: 2", .unsupported),
            ("state: open", "state: closed", .malformed),
            ("state: open", "state: ajar", .unsupported),
            ("threshold: 2", "threshold: 1", .untrusted),
            ("threshold: 2", "threshold: 3", .malformed),
            ("- generation: 1", "- generation: 2", .malformed),
            ("version: 1", "version: 2", .unsupported),
            ("members:\n", "members:\n  - name: eve\n    recipient: \(eve)\n", .malformed),
            ("version: 1\n", "version: 1\nextra: 1\n", .malformed),
            ("version: 1\n", "version: 1\nversion: 1\n", .malformed),
            ("  - name: ada\n", "  - name: ada\n    note: x\n", .malformed),
            ("BEGIN SSH SIGNATURE", "BEGIN SSH SIGNATURF", .malformed),
            ("ssh-ed25519 ", "ssh-rsa ", .malformed),
        ]
        for (old, new, expected) in cases {
            let changed = text.replacing(old, with: new, maxReplacements: 1)
            #expect(changed != text, "\(old)")
            #expect(
                keyringCode { _ = try Keyring(parsing: Array(changed.utf8), environment: "prod") }
                    == expected, "\(old) -> \(new)")
        }
    }

    @Test func `a file of two generations stands or falls as a whole`() throws {
        let keyring = try twoGenerations()
        let first = SignedGeneration(
            header: keyring.chain.generations[0].header,
            signatures: [keyring.chain.generations[0].signatures[0]])
        #expect(
            keyringCode {
                _ = try Keyring(
                    environment: "prod", generations: [first, keyring.chain.generations[1]],
                    body: keyring.body)
            } == .untrusted)
        // Generation 2 cut off: the file's body is no more the newest generation's.
        let text = String(decoding: keyring.yaml, as: UTF8.self)
        guard let cut = text.ranges(of: "  - generation: 2").first else {
            Issue.record("no second generation")
            return
        }
        let older = Array(text[..<cut.lowerBound].utf8)
        #expect(keyringCode { _ = try Keyring(parsing: older, environment: "prod") } == .wrongBody)
    }

    @Test func `a truncated file is refused at each length`() throws {
        let yaml = try smallKeyring().yaml
        // Without its last line break it is whole.
        for length in 0..<(yaml.count - 1) {
            #expect(
                keyringCode { _ = try Keyring(parsing: Array(yaml[..<length]), environment: "prod") } != nil,
                "\(length)")
        }
    }

    @Test func `no changed byte gives another keyring`() throws {
        let keyring = try smallKeyring()
        let yaml = keyring.yaml
        for offset in stride(from: 0, to: yaml.count, by: 2) {
            var changed = yaml
            changed[offset] ^= 1 << UInt8(offset % 7)
            guard let parsed = try? Keyring(parsing: changed, environment: "prod") else { continue }
            // Comments and white space may change; signed fields may not.
            #expect(parsed == keyring, "\(offset)")
        }
    }
}
