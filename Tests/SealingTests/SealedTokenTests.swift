import Encodings
import Sodium
import Testing

@testable import Sealing

@Suite struct `a sealed token` {
    private static let payload = [UInt8]((0..<112).map { UInt8($0 % 251) })

    private func code(_ text: String) -> SealingError.Code? {
        code(Array(text.utf8))
    }

    private func code(_ text: [UInt8]) -> SealingError.Code? {
        do {
            _ = try SealedToken(text)
            return nil
        } catch {
            return error.code
        }
    }

    private func text(
        head: String = "sealed.v1.prod-3.o.", payload: [UInt8] = `a sealed token`.payload
    ) -> String {
        head + Base64.url.encode(payload)
    }

    @Test func `what parses formats to the same bytes`() throws {
        for head in [
            "sealed.v1.prod-3.o.", "sealed.v1.a-1.f.", "sealed.v1.a-b-18446744073709551615.e.",
            "sealed.v1.0-9.n-db-password.", "sealed.v1.\(String(repeating: "x", count: 32))-10.n--.",
        ] {
            let text = Array(text(head: head).utf8)
            #expect(try SealedToken(text).text == text)
        }
    }

    @Test func `environment, epoch and scope are taken apart at the last dash`() throws {
        let token = try SealedToken(Array(text(head: "sealed.v1.eu-2-west-31.n-a-b.").utf8))
        #expect(token.environment == "eu-2-west")
        #expect(token.epoch == 31)
        #expect(token.scope == .named("a-b"))
        #expect(token.payload == Self.payload)
    }

    @Test(arguments: [
        "sealed.v1.prod.o.", "sealed.v1.prod-.o.", "sealed.v1.prod-03.o.", "sealed.v1.prod-0.o.",
        "sealed.v1.prod-+3.o.", "sealed.v1.prod-18446744073709551616.o.", "sealed.v1.-3.o.",
        "sealed.v1.-prod-3.o.", "sealed.v1.prod--3.o.", "sealed.v1.Prod-3.o.", "sealed.v1.pr_od-3.o.",
        "sealed.v1.\(String(repeating: "x", count: 33))-1.o.", "sealed.v1.prod-3.O.", "sealed.v1.prod-3.x.",
        "sealed.v1.prod-3..", "sealed.v1.prod-3.n.", "sealed.v1.prod-3.n-.", "sealed.v1.prod-3.n-A.",
        "sealed.v1.prod-3.n-\(String(repeating: "x", count: 64)).", "sealed.v1.prod-3.o",
        "sealed.v1.prod-3.o..",
        "sealed.v1..", "sealed.v1.prod-3.o. ", "sealed.v1.pröd-3.o.",
    ]) func `a malformed head is refused`(head: String) {
        #expect(code(text(head: head)) == .malformed)
    }

    @Test func `F024 another version is unknown, never taken for plain text`() {
        for head in ["sealed.v2.prod-3.o.", "sealed.v0.prod-3.o.", "sealed.v01.prod-3.o.", "sealed.v11.x"] {
            #expect(code(text(head: head)) == .unknownVersion)
            #expect(Array(head.utf8).withBytes { SealedToken.isMarked($0) })
        }
    }

    @Test func `the payload has exactly one spelling and a possible length`() {
        let good = text()
        #expect(code(good) == nil)
        for bad in ["=", "A", "AA", "AAAA", "\n", " ", "+", "."] { #expect(code(good + bad) == .malformed) }
        for count in [0, 1, 79, 80, 81, 111, 113, 143, 145] {
            #expect(code(text(payload: [UInt8](repeating: 7, count: count))) == .malformed)
        }
        #expect(code(text(payload: [UInt8](repeating: 7, count: 144))) == nil)
        // 112 bytes leave four unused bits in the last character.
        var last = Array(good.utf8)
        last[last.count - 1] += 1
        #expect(code(last) == .malformed)
    }

    @Test func `F018 every truncation is refused`() {
        let whole = Array(text().utf8)
        for count in 0..<whole.count {
            let result = code(Array(whole[..<count]))
            #expect(result == .malformed, "\(count)")
        }
        #expect(code(whole + whole) == .malformed)
    }

    @Test func `a token above the limit is refused before it is decoded`() {
        let text = Array("sealed.v1.prod-3.o.".utf8) + [UInt8](repeating: 0x41, count: 1_400_000)
        #expect(code(text) == .limitExceeded)
    }

    @Test func `marks are found anywhere, and only marks`() {
        func mark(_ text: String) -> (SealedToken.Mark, Int)? {
            Array(text.utf8).withBytes { SealedToken.firstMark(in: $0) }.map { ($0.mark, $0.offset) }
        }
        for text in [
            "", "sealed", "sealed.v", "sealed.v.", "sealed.v1", "sealed.vault.x", "Sealed.v1.",
            "ENC[AES256_GCM",
        ] {
            #expect(mark(text) == nil, "\(text)")
        }
        #expect(mark("xsealed.v1.")?.1 == 1)
        #expect(mark("ssealed.v12.")?.1 == 1)
        #expect(mark("sealed.vsealed.v3.rest")?.1 == 8)
        #expect(mark("a: ENC[AES256_GCM,data:x]")?.0 == .sops)
        #expect(SealedToken.containsMark(Array("# sealed.v1.prod-1.o.AAAA".utf8)))
    }
}
