import Documents
import Support
import Testing

@testable import Sealing

/// What a hostile sealer could put into a token, made with the environment's public key alone: our own sealer makes no
/// such token, and one that somebody else made does not open.
@Suite struct `a hostile plaintext` {
    private static let fixture = DocumentFixture(
        #"{ paths: ["**"], environment: prod, scope: environment, values: ["**"] }"#)

    /// As a record says it; nil for a style that the format does not have, for which there is no record.
    private static func head(_ attack: HostilePlaintext) -> SealedRecord.Head? {
        guard let style = ScalarStyle(rawValue: attack.style.rawValue).map({ SealedRecord.Style($0) }),
            let format = DocumentFormat(rawValue: attack.format)
        else { return nil }
        let head = SealedRecord.Head(
            format: SealedRecord.Format(format), style: style, indentation: UInt16(attack.indentation))
        return head.isConsistent ? head : nil
    }

    private static func path(_ attack: HostilePlaintext) -> String {
        attack.format == "dotenv" ? "a.env" : "a.\(attack.format)"
    }

    private static func quotes(_ attack: HostilePlaintext) -> String {
        ["json", "toml"].contains(attack.format) ? "\"TOKEN\"" : "TOKEN"
    }

    @Test(arguments: HostilePlaintext.all)
    func `that somebody sealed with the public key is refused when it is opened`(
        attack: HostilePlaintext
    ) throws {
        guard let head = Self.head(attack) else { return }
        let token = String(decoding: try SealingFixture.seal(attack.source, head).text, as: UTF8.self)
        for context in attack.contexts {
            let code = Self.fixture.openCode(
                context.replacing("TOKEN", with: token), path: Self.path(attack))
            // A value that is not written at all has a record without any source.
            let isEmpty = attack.style == .absent && !attack.source.isEmpty
            #expect(code == (isEmpty ? .malformed : .foreignStructure), "\(context)")
        }
    }

    @Test(arguments: HostilePlaintext.all)
    func `that stands in a document is refused, or sealed as what it is there`(
        attack: HostilePlaintext
    ) throws {
        for context in attack.contexts {
            let text = context.replacing(Self.quotes(attack), with: attack.source)
            let sealed: String
            do throws(SealingError) {
                sealed = try Self.fixture.seal(text, path: Self.path(attack)).text
            } catch { continue }
            for token in sealed.tokens {
                let (head, source) = try SealingFixture.open(SealedToken(Array(token.utf8)))
                let isSame = head.style == Self.head(attack)?.style && source == Array(attack.source.utf8)
                #expect(!isSame, "\(context)")
            }
            #expect(try Self.fixture.open(sealed, path: Self.path(attack)) == text)
        }
    }

    @Test func `at least 75 of them are refused, and 12 a format`() {
        var found: [String: Set<String>] = [:]
        for attack in HostilePlaintext.all where Self.head(attack) != nil {
            found[attack.format, default: []].insert("\(attack.style) \(attack.source)")
        }
        #expect(found.count == 5 && found.values.allSatisfy { $0.count >= 12 })
        #expect(found.values.map(\.count).reduce(0, +) >= 75)
    }
}
