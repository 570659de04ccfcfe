import Files
import Support
import Testing

@testable import Delivery

@Suite struct RedactedDiffTests {
    let world: World

    init() throws {
        world = try World()
        world.repository.commit("first")
    }

    private func diff() throws -> [String] {
        try world.reconciliation().plan(at: time(1_700_001_000)).flatMap(\.diff)
    }

    @Test func `a dry run tells what differs by digests and never by values`() async throws {
        #expect(try diff().allSatisfy { $0.hasPrefix("add ") && $0.contains(" bytes ") })
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        #expect(try diff() == [])
        try world.seal("deploy/prod/database.yaml", World.secret("another \(World.canary)"))
        world.repository.git("rm", "-q", "deploy/prod/app.yaml")
        world.repository.write("deploy/prod/new.txt", "\(World.canary)\n")
        world.repository.commit("second")
        let lines = try diff()
        #expect(!lines.joined().contains("CANARY") && !lines.joined().contains("another"))
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix("remove app.yaml"))
        #expect(
            lines[1].firstMatch(
                of: /^change database\.yaml  \d+ bytes [0-9a-f]{16} -> \d+ bytes [0-9a-f]{16}$/) != nil)
        #expect(
            lines[2].firstMatch(of: /^  ~ Secret\/database stringData\.password  [0-9a-f]{8} -> [0-9a-f]{8}$/)
                != nil)
        #expect(lines[3].hasPrefix("add new.txt"))
    }

    @Test func `the same plaintext sealed anew is no difference`() async throws {
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        try world.seal("deploy/prod/database.yaml", World.secret(World.canary))
        world.repository.commit("resealed")
        #expect(try diff() == [])
        #expect(try await world.reconciliation().run(at: time(1_700_001_000)).map(\.outcome) == [.unchanged])
    }

    @Test(arguments: [
        (
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: AgBy}}\n",
            "SealedSecret"
        ),
        ("{\"apiVersion\": \"bitnami.com/v1alpha1\", \"kind\": \"SealedSecret\"}", "SealedSecret"),
        ("password: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops: {version: 3.9.0}\n", "SOPS"),
    ]) func `what another tool sealed is never delivered as it stands, and said of each file`(
        text: String, word: String
    ) throws {
        world.repository.write("deploy/prod/one.yaml", text)
        world.repository.write("deploy/prod/two.yaml", text)
        world.repository.commit("foreign")
        do {
            _ = try diff()
            Issue.record("delivered")
        } catch let error as DeliveryError {
            #expect(error.code == .stillSealed)
            #expect(error.context.contains("one.yaml") && error.context.contains("two.yaml"))
            #expect(error.context.contains(word))
        }
    }

    @Test func `a text that only speaks of SealedSecrets is delivered`() throws {
        world.repository.write("deploy/prod/readme.yaml", "note: kind SealedSecret of bitnami.com is gone\n")
        world.repository.commit("words")
        #expect(try diff().contains { $0.hasPrefix("add readme.yaml") })
    }

    @Test func `base64 of a token is a token that would leave`() throws {
        let token = try #require(
            String(decoding: world.read("deploy/prod/database.yaml"), as: UTF8.self)
                .firstMatch(of: /sealed\.v1\.[A-Za-z0-9._-]+/)?.0)
        for lead in ["", "a", "ab"] {
            let encoded = ShellCommand.run("base64", ["-w0"], stdin: Array("\(lead)\(token)".utf8)).text
            world.repository.write("deploy/prod/encoded.txt", "data: \(encoded)\n")
            world.repository.commit("encoded \(lead)")
            let reconciliation = try world.reconciliation()
            let refused = code { () throws(DeliveryError) in
                try reconciliation.open(at: time(1_700_001_000))
            }
            #expect(refused == .stillSealed)
        }
    }
}
