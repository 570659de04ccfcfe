import Encodings
import Files
import Support
import Testing

@testable import Delivery

@Suite struct OpenPGPTests {
    private static let fingerprint = "71233EBF769787841AAD316940D45402BB69EE64"
    private static let good = """
        [GNUPG:] NEWSIG good@example.org
        [GNUPG:] KEY_CONSIDERED \(fingerprint) 0
        [GNUPG:] SIG_ID az8lG3mFBF+a03zsWP67BpFpYC4 2026-11-23 1795401369
        [GNUPG:] KEY_CONSIDERED \(fingerprint) 0
        [GNUPG:] GOODSIG 40D45402BB69EE64 Good <good@example.org>
        [GNUPG:] VALIDSIG \(fingerprint) 2026-11-23 1795401369 0 4 0 22 8 00 \(fingerprint)

        """

    private func refusal(_ text: String) -> OpenPGPStatus.Refusal? {
        do {
            _ = try OpenPGPStatus(parsing: Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test func `one good signature of one key is taken`() throws {
        let status = try OpenPGPStatus(parsing: Array(Self.good.utf8))
        #expect(status.fingerprint == Self.fingerprint)
        #expect(status.primaryFingerprint == Self.fingerprint)
        #expect(refusal(Self.good + "[GNUPG:] NOTATION_NAME a@b\n[GNUPG:] NOTATION_DATA c\n") == nil)
    }

    @Test(arguments: [
        ("GOODSIG 40D4", "BADSIG 40D4", OpenPGPStatus.Refusal.bad), ("GOODSIG", "EXPSIG", .expired),
        ("GOODSIG", "EXPKEYSIG", .expired), ("GOODSIG", "REVKEYSIG", .revoked),
        ("GOODSIG", "ERRSIG", .bad), ("VALIDSIG", "XALIDSIG", .bad), ("NEWSIG", "NOSIG", .bad),
        ("SIG_ID", "SOMETHING_NEW", .bad), ("SIG_ID", "PLAINTEXT", .bad), ("SIG_ID", "NODATA", .bad),
        ("SIG_ID", "REVKEYSIG", .revoked), ("SIG_ID", "NO_PUBKEY", .unknownKey), ("22 8 00", "22 2 00", .bad),
        ("22 8 00", "22 8 01", .bad), ("22 8 00", "17 8 00", .bad), (" 4 0 22", " 3 0 22", .bad),
        (" 8 00 \(fingerprint)", " 8 00", .bad),
        ("GOODSIG 40D45402BB69EE64", "GOODSIG 40D45402BB69EE65", .bad),
        ("[GNUPG:] SIG_ID", "SIG_ID", .bad), ("[GNUPG:] SIG_ID", "[GNUPG:] NEWSIG", .bad),
        ("64\n", "64", .bad), ("[GNUPG:] VALIDSIG 7", "[GNUPG:] VALIDSIG x", .bad),
    ])
    func `any other status is refused`(old: String, new: String, expected: OpenPGPStatus.Refusal) {
        #expect(refusal(Self.good.replacing(old, with: new)) == expected)
    }

    @Test func `two signatures, half of one and none are refused`() {
        let lines = Self.good.split(separator: "\n").map { "\($0)\n" }
        for text in [
            "", "\n", Self.good + Self.good, Self.good + lines[4], Self.good + lines[5], Self.good + "\n",
        ] {
            #expect(refusal(text) == .bad)
        }
        for index in [0, 4, 5] {
            var fewer = lines
            fewer.remove(at: index)
            #expect(refusal(fewer.joined()) == .bad)
        }
        for length in 0..<Self.good.utf8.count {
            #expect(refusal(String(Self.good.prefix(length))) != nil)
        }
    }

    // MARK: - Armor

    private let payload = Array("payload\n".utf8)

    @Test(.enabled(if: SigningFixture.hasGnuPG, "\(SigningFixture.absence)"))
    func `an armor in any other form is refused`() throws {
        let text = String(decoding: SigningFixture.shared.pgp(payload, as: "good"), as: UTF8.self)
        func isTaken(_ text: String) -> Bool { OpenPGPArmor(Array(text.utf8)) != nil }
        #expect(isTaken(text))
        #expect(isTaken(String(text.dropLast())))
        #expect(isTaken(text + "\n"))
        #expect(isTaken(text.replacing("-----\n\n", with: "-----\nVersion: GnuPG v1\nComment: x\n\n")))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let sum = try #require(lines.firstIndex { $0.first == "=" })
        var without = lines
        without.remove(at: sum)
        #expect(isTaken(without.joined(separator: "\n")))
        for bad in [
            "", text + "x", text + "\n\n", " " + text, "x\n" + text, text + text,
            text.replacing("\n", with: "\r\n"), text.replacing("PGP SIGNATURE", with: "PGP MESSAGE"),
            text.replacing("-----\n\n", with: "-----\n"), text.replacing("-----\n\n", with: "-----\nx\n\n"),
            text.replacing("-----\n\n", with: "-----\nComment: \u{1}\n\n"),
            text.replacing("-----\n\n", with: "-----\n\n\n"), text.replacing(lines[sum], with: "=AAAA"),
            text.replacing(lines[sum], with: "=!!!!"), text.replacing("-----END", with: "-----EDN"),
        ] {
            #expect(!isTaken(bad), "\(bad)")
        }
        for length in 0..<(text.utf8.count - 1) {
            #expect(OpenPGPArmor(Array(text.utf8.prefix(length))) == nil, "\(length)")
        }
    }

    @Test func `packets other than one signature of version 4 with SHA-2 are refused`() {
        func armor(_ packets: [UInt8]) -> [UInt8] {
            let text = Base64.standard.encodeBytes(packets)
            let lines = stride(from: 0, to: text.count, by: 64).map { text[$0..<min($0 + 64, text.count)] }
            return OpenPGPArmor.begin + Array("\n".utf8) + Array(lines.joined(separator: [0x0A]))
                + Array("\n-----END PGP SIGNATURE-----\n".utf8)
        }
        let body: [UInt8] = [4, 0x00, 22, 8] + [UInt8](repeating: 0, count: 20)
        let length = UInt8(body.count)
        func isTaken(_ packets: [UInt8]) -> Bool { OpenPGPArmor(armor(packets)) != nil }
        #expect(isTaken([0x88, length] + body))
        #expect(isTaken([0x89, 0, length] + body))
        #expect(isTaken([0x8A, 0, 0, 0, length] + body))
        #expect(isTaken([0xC2, length] + body))
        #expect(isTaken([0xC2, 255, 0, 0, 0, length] + body))
        let long = body + [UInt8](repeating: 0, count: 300)
        #expect(
            isTaken([0xC2, 192 + UInt8((long.count - 192) >> 8), UInt8((long.count - 192) & 0xFF)] + long))
        for bad in [
            [], [0x88], [0x88, length], [0x88, length + 1] + body, [0x88, length - 1] + body,
            [0x88, length] + body + [0x88, length] + body, [0x88, length] + body + [0],
            [0x90, length] + body,
            [0xCB, length] + body, [0x8B] + body, [0xC2, 224 + 4] + body, [0xC2, 255] + body,
            [0x88, 3, 4, 0, 22],
            [0x88, length, 3] + body.dropFirst(), [0x88, length, 4, 1] + body.dropFirst(2),
            [0x88, length, 4, 0, 17] + body.dropFirst(3), [0x88, length, 4, 0, 22, 2] + body.dropFirst(4),
            [0x8A, 0xFF, 0xFF, 0xFF, 0xFF] + body, [0xC2, 255, 0xFF, 0xFF, 0xFF, 0xFF] + body,
        ] as [[UInt8]] {
            #expect(!isTaken(bad), "\(bad)")
        }
    }

    // MARK: - gpgv

    @Test func `F050 a keyring without keys and a list without fingerprints allow nobody`() throws {
        let key = try OpenPGPSigners.Key(fingerprint: Self.fingerprint)
        let armored = Array("-----BEGIN PGP PUBLIC KEY BLOCK-----\n".utf8)
        for keyring in [[], [0], armored, [UInt8](repeating: 0, count: 32)] {
            #expect(
                code { () throws(DeliveryError) in try OpenPGPSigners(keyring: keyring, keys: [key]) }
                    == .signersUnusable)
        }
        #expect(
            code { () throws(DeliveryError) in try OpenPGPSigners(keyring: [0x98, 1], keys: []) }
                == .signersUnusable)
        for text in ["", "71233EBF", Self.fingerprint + "0", Self.fingerprint.replacing("7", with: "x")] {
            #expect(
                code { () throws(DeliveryError) in try OpenPGPSigners.Key(fingerprint: text) }
                    == .signersUnusable)
        }
        let spaced = "7123 3EBF 7697 8784 1AAD  3169 40d4 5402 bb69 ee64"
        #expect(try OpenPGPSigners.Key(fingerprint: spaced).fingerprint == Self.fingerprint)
    }

    @Test(.enabled(if: SigningFixture.hasGnuPG, "\(SigningFixture.absence)"))
    func `a gpgv that is missing, hangs, lies or prints without end verifies nothing`() throws {
        let fixture = SigningFixture.shared
        let scratch = TemporaryDirectory("strongroom-gpgv")
        func script(_ name: String, _ text: String) -> Path {
            ScratchRepository(at: scratch.path).write(name, "#!/bin/sh\n\(text)\n")
            _ = ShellCommand.run("chmod", ["+x", scratch.file(name)])
            return Path(scratch.file(name))
        }
        let head = "tree \(fixture.tree)\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n"
        let armor = String(decoding: fixture.pgp(Array((head + "\nm\n").utf8), as: "good"), as: UTF8.self)
        let folded = armor.split(separator: "\n", omittingEmptySubsequences: false).dropLast().joined(
            separator: "\n ")
        let raw = Array("\(head)gpgsig \(folded)\n\nm\n".utf8)
        func ending(_ program: Path, _ deadline: Duration = .seconds(300)) throws -> DeliveryError.Code? {
            var rules = try fixture.rules()
            rules.openPGP = try OpenPGPSigners(
                keyring: fixture.keyring, keys: [.init(fingerprint: fixture.fingerprint("good"))],
                program: program, deadline: deadline)
            let verifier = try fixture.verifier(rules)
            return code { () throws(DeliveryError) in try verifier.verify(commit: anyID, raw) }
        }
        #expect(try ending("/usr/bin/gpgv") == nil)
        #expect(try ending("/nonexistent/gpgv") == .verifierFailed)
        #expect(try ending(script("hangs", "sleep 1000"), .milliseconds(300)) == .verifierFailed)
        #expect(try ending(script("talks", "yes '[GNUPG:] NOTATION_DATA x'")) == .verifierFailed)
        #expect(try ending(script("silent", "exit 0")) == .badSignature)
        let status = Self.good.replacing(Self.fingerprint, with: fixture.fingerprint("good")).replacing(
            "40D45402BB69EE64", with: String(fixture.fingerprint("good").suffix(16)))
        #expect(try ending(script("good", "cat <<'END'\n\(status)END")) == nil)
        #expect(try ending(script("fails", "cat <<'END'\n\(status)END\nexit 1")) == .badSignature)
        #expect(DeliveryError(.verifierFailed, "").category == .refused)
    }
}
