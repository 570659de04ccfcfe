import Keyrings
import Sealing
import Sodium
import Support
import Testing

/// Plaintexts that somebody sealed with the environment's public key to bring more than one value into a document: a
/// spread of those that SealingTests has all of meets the whole program, and the agent.
@Suite struct HostileCaseTests {
    @Test(arguments: ["yaml", "json", "dotenv", "ini", "toml"])
    func `a hostile plaintext is refused by open, render and edit, and nothing of it comes out`(
        format: String
    ) throws {
        let world = World()
        world.addRule(
            "{ paths: [\"cases/**\"], environment: prod, scope: environment, values: [\"**\"] }")
        let keyring = try Keyring(parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
        let file = "cases/a.\(format == "dotenv" ? "env" : format)"
        var count = 0
        for attack in HostilePlaintext.spread(16, of: format) {
            guard let head = Self.head(attack), let context = attack.contexts.first else { continue }
            let token = try Array(attack.source.utf8).withBytes { (source) throws(SealingError) in
                try SealedValue.seal(source, as: head, to: keyring.sealingKey, at: .environment)
            }
            let text = String(decoding: token.text, as: UTF8.self)
            world.config.write(file, context.replacing("TOKEN", with: text))
            try world.expectRefused(4, [file, "line "], ["open", file], identity: "alice")
            count += 1
        }
        #expect(count >= 12)
        // Other formats have no place in a stream of documents.
        let isDocument = format == "yaml" || format == "json"
        try world.expectRefused(
            isDocument ? 4 : 5, [isDocument ? file : "nothing to render"], ["render", "cases"],
            identity: "alice")
        try world.expectRefused(4, [file], ["edit", file], identity: "alice")
        // What an agent is given in a signed commit is no more welcome.
        let path = "deploy/prod/\(file.split(separator: "/").last ?? "")"
        world.addRule(
            "{ paths: [\"\(path)\"], environment: prod, scope: environment, values: [\"**\"] }")
        world.config.write(path, world.text("config/\(file)"))
        world.config.commit("Hostile")
        expect(world.sync(), 4)
        #expect(try world.delivered() == nil)
    }

    /// As a record says it; nil for a style that the format does not have, or for a value that is not written and has a
    /// text all the same.
    private static func head(_ attack: HostilePlaintext) -> SealedRecord.Head? {
        let style: SealedRecord.Style =
            switch attack.style {
            case .absent: .empty
            case .plain: .plain
            case .single: .single
            case .double: .double
            case .literal: .literal
            case .folded: .folded
            case .tripleDouble: .tripleDouble
            case .tripleSingle: .tripleSingle
            }
        let format: SealedRecord.Format =
            switch attack.format {
            case "yaml": .yaml
            case "json": .json
            case "dotenv": .dotenv
            case "ini": .ini
            default: .toml
            }
        let head = SealedRecord.Head(
            format: format, style: style, indentation: UInt16(attack.indentation))
        return head.isConsistent && (style != .empty || attack.source.isEmpty) ? head : nil
    }
}
