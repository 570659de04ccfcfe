import Encodings
import SSH
import Sodium
import Support
import Testing

@Suite struct AllowedSignersTests {
    private let ada = SigningKey(seed: .seed(1)).publicKey
    private let grace = SigningKey(seed: .seed(2)).publicKey

    @Test func `a listed key matches and gives its principals`() throws {
        let signers = try parse(
            """
            # who may sign

            ada@example.org \(ada.text) a comment with "quotes"
              *@ops.example.org,!eve@ops.example.org namespaces="git" \(ada.text)
            grace@example.org \(grace.text)
            """)
        let match = try signers.match(ada, namespace: "git", at: time("2026-01-01"))
        #expect(match.principals == ["ada@example.org", "*@ops.example.org,!eve@ops.example.org"])
        #expect(match.lines == [3, 4])
        #expect(match.allows(principal: "ada@example.org"))
        #expect(match.allows(principal: "bob@ops.example.org"))
        #expect(!match.allows(principal: "eve@ops.example.org"))
        #expect(!match.allows(principal: "grace@example.org"))
        #expect(try signers.match(ada, namespace: "file", at: time("2026-01-01")).lines == [3])
    }

    @Test func `F050 an unknown key, another namespace and another time are refused as such`() throws {
        let signers = try parse(
            #"""
            a namespaces="git,release-*",valid-after="20260101Z",valid-before="20260131235959Z" \#(ada.text)
            """#)
        #expect(refusal(signers, grace, "git", "2026-01-10") == .unknownKey)
        #expect(refusal(signers, ada, "file", "2026-01-10") == .wrongNamespace)
        #expect(refusal(signers, ada, "git", "2025-12-31T23:59:59Z") == .notYetValid)
        #expect(refusal(signers, ada, "git", "2026-02-01") == .expired)
        #expect(refusal(signers, ada, "git", "2026-01-01") == nil)
        #expect(refusal(signers, ada, "release-1", "2026-01-31T23:59:59.5Z") == nil)
    }

    @Test func `one valid line among refused ones is enough`() throws {
        let signers = try parse(
            #"""
            a valid-before="20200101Z" \#(ada.text)
            b namespaces="file" \#(ada.text)
            c valid-after="20210101Z" \#(ada.text)
            """#)
        #expect(try signers.match(ada, namespace: "git", at: time("2026-01-01")).lines == [3])
        #expect(refusal(signers, ada, "git", "2020-06-01") == .notYetValid)
    }

    @Test func `F050 an empty file and one of comments are refused`() {
        for text in ["", "\n\n", "# nobody\n", "   \n\t\n"] {
            #expect(code { () throws(SSHError) in _ = try parse(text) } == .noSigners)
        }
    }

    @Test func `F050 a single bad line refuses the whole file and is named`() {
        let cases: [(String, SSHError.Code)] = [
            ("ada", .malformed),
            ("ada \(ada.text)x", .malformed),
            ("\(ada.text)", .unsupportedOption),
            ("ada cert-authority \(ada.text)", .unsupportedOption),
            ("ada CERT-AUTHORITY,namespaces=\"git\" \(ada.text)", .unsupportedOption),
            ("ada unknown=\"x\" \(ada.text)", .unsupportedOption),
            ("ada namespaces=git \(ada.text)", .malformed),
            ("ada namespaces=\"\" \(ada.text)", .malformed),
            ("ada namespaces=\"git \(ada.text)", .malformed),
            ("ada namespaces=\"git\",namespaces=\"file\" \(ada.text)", .malformed),
            ("ada valid-after=\"2026\" \(ada.text)", .malformed),
            ("ada valid-after=\"20260230\" \(ada.text)", .malformed),
            ("ada valid-after=\"20260101z\" \(ada.text)", .malformed),
            ("ada valid-after=\"20260201Z\",valid-before=\"20260101Z\" \(ada.text)", .malformed),
            ("ada, \u{0}\(ada.text)", .malformed),
            ("\"ada \(ada.text)", .malformed),
            ("ada ssh-dss AAAAB3NzaC1kc3MAAAAA", .unsupportedOption),
        ]
        for (line, expected) in cases {
            do {
                _ = try parse("ada \(ada.text)\n\(line)\n")
                Issue.record("taken: \(line)")
            } catch {
                #expect(error.code == expected, "\(line)")
                #expect(error.context.contains("line 2"))
            }
        }
        let latin1 = Array("ada \(ada.text) ".utf8) + [0xE9]
        #expect(code { () throws(SSHError) in _ = try AllowedSigners(parsing: latin1) } == .malformed)
    }

    @Test func `local times take the offset that is given, and years beyond 2261 are read`() throws {
        let text = #"a valid-after="202601011200",valid-before="99991231" \#(ada.text)"#
        let utc = try parse(text)
        #expect(utc.entries[0].validAfter == time("2026-01-01T12:00:00Z").seconds)
        let east = try AllowedSigners(parsing: Array(text.utf8)) { _ in 2 * 3_600 }
        #expect(east.entries[0].validAfter == time("2026-01-01T10:00:00Z").seconds)
        #expect(utc.entries[0].validBefore == 253_402_214_400)
    }

    @Test func `lines that end with CR LF and quoted principals are read`() throws {
        let signers = try parse("\"ada lovelace\"  \(ada.text)\r\ngrace\t\(grace.text)\r\n")
        #expect(signers.entries.map(\.principals) == ["ada lovelace", "grace"])
    }

    @Test func `verdicts agree with ssh-keygen`() throws {
        let key = SigningKey(seed: .seed(1))
        let message = Array("message".utf8)
        let files = ScratchFiles()
        let signature = files.write(
            "signature", SSHSignature.sign(message, namespace: "git", with: key).armored)
        let lines = [
            "ada \(ada.text)", "ada namespaces=\"git\" \(ada.text)", "ada namespaces=\"g*\" \(ada.text)",
            "ada namespaces=\"file,g?t\" \(ada.text)", "ada namespaces=\"file\" \(ada.text)",
            "ada namespaces=\"!git,*\" \(ada.text)", "ada NAMESPACES=\"git\" \(ada.text)",
            "ada valid-before=\"20200101Z\" \(ada.text)", "ada valid-after=\"20200101Z\" \(ada.text)",
            "ada valid-after=\"20990101000000Z\" \(ada.text)",
            "ada valid-after=\"20200101Z\",valid-before=\"20990101Z\" \(ada.text)", "ada \(grace.text)",
            "a?a \(ada.text)", "*,!ada \(ada.text)", "eve,ada \(ada.text)", "*,!eve \(ada.text)",
            "\"ada\" \(ada.text)", "# ada \(ada.text)",
        ]
        for line in lines {
            let path = files.write("signers", line + "\n")
            let outcome = ShellCommand.run(
                "ssh-keygen",
                [
                    "-Y", "verify", "-f", path, "-I", "ada", "-n", "git", "-s", signature,
                    "-O", "verify-time=20260301",
                ], stdin: message)
            let match = try? parse(line).match(ada, namespace: "git", at: time("2026-03-01"))
            #expect((match?.allows(principal: "ada") ?? false) == (outcome.status == 0), "\(line)")
        }
    }

    private func parse(_ text: String) throws(SSHError) -> AllowedSigners {
        try AllowedSigners(parsing: Array(text.utf8))
    }

    private func time(_ text: String) -> Timestamp {
        guard let time = try? Timestamp(rfc3339: text) else { preconditionFailure(text) }
        return time
    }

    private func refusal(
        _ signers: AllowedSigners, _ key: SSHPublicKey, _ namespace: String, _ text: String
    ) -> AllowedSigners.Refusal? {
        do {
            _ = try signers.match(key, namespace: namespace, at: time(text))
            return nil
        } catch {
            return error
        }
    }
}
