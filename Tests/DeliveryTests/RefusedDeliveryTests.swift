import Encodings
import Files
import Glibc
import Processes
import Sodium
import Support
import Testing

@testable import Delivery

/// What must not be delivered leaves every target as it was: no file, no time stamp, no program called.
@Suite struct RefusedDeliveryTests {
    private let world: World
    private let store = CredentialStore()

    init() throws {
        world = try World()
        for number in 1...6 { world.repository.write("deploy/prod/f\(number).yaml", "a: \(number)\n") }
        try world.sealFile("deploy/prod/server.key", Array("key".utf8))
        world.repository.write("deploy/prod/strict/app.yaml", "listen: 1\n")
        try world.seal("deploy/prod/strict/app.yaml", "listen: 1\npassword: \(World.canary)\n")
    }

    /// One target of each kind.
    private func targets() throws -> [Target] {
        let calls = world.scratch.file("calls")
        let answer =
            #"{"protocol":"strongroom.target/v1","changes":[{"path":"app.yaml","action":"change"}],"applied":true}"#
        let command = try CommandTarget(
            name: "keeper",
            program: ChildProgram(["sh", "-c", "cat > /dev/null; echo call >> \(calls); echo '\(answer)'"]))
        let grant = try CredentialGrant(
            unit: "app.service", credential: "password",
            value: try ValueReference(parsing: Array("database.yaml:stringData.password".utf8)))
        var generation = try world.target("app")
        generation.completion = .program(ChildProgram(["sh", "-c", "echo reload >> \(calls)"]))
        return [
            .files(generation), .files(try world.target("shared", .files)), .command(command),
            .credentials(try CredentialTarget(name: "socket", store: store, grants: [grant])),
        ]
    }

    /// Everything that a delivery could have touched.
    private func standing() -> [String] {
        let script = """
            cd "$1" && find app .app.generations shared calls -printf '%p %i %m %s %T@ %l\\n' | sort; cat calls
            """
        let lines = ShellCommand.run("sh", ["-c", script, "sh", world.scratch.path]).text
        let served = store.value(CredentialStore.Key(unit: "app.service", credential: "password"))
        let credential = served.map { held in
            held.bytes.withBytes { String(decoding: $0.array, as: UTF8.self) }
        }
        return lines.split(separator: "\n").map(String.init) + ["\(store.keys.count) \(credential ?? "-")"]
    }

    private func run(last: String? = nil) async throws -> DeliveryError? {
        let reconciliation = try world.reconciliation(last: last, targets: targets(), maximumLoss: 50)
        do throws(DeliveryError) {
            _ = try await reconciliation.run(at: time(1_700_001_000))
            return nil
        } catch {
            #expect(!everyWord(of: error).contains("CANARY"))
            return error
        }
    }

    private static let sealedSecret = """
        apiVersion: bitnami.com/v1alpha1
        kind: SealedSecret
        metadata: {name: db, namespace: shop}
        spec: {encryptedData: {password: AgBy3i4OJSWK}}
        """

    enum Fault: String, CaseIterable, Sendable {
        case sops, sopsFile, sealedSecret, sealedSecretInList, unparsedSealedSecret, sealedSecretInSealedFile
        case tokenInText, tokenInComment, tokenInBase64, tokenInLines, tokenOfAnotherKey
        case plainValue, plainFile, link, loss, empty, otherSigner
    }

    private func commit(_ fault: Fault) throws -> DeliveryError.Code {
        let repository = world.repository
        let token = try #require(
            String(decoding: world.read("deploy/prod/database.yaml"), as: UTF8.self)
                .split(whereSeparator: { " \n".contains($0) }).first { $0.hasPrefix("sealed.v1.") })
        let base64 = Base64.standard.encode(Array("url=\(token)".utf8))
        let code: DeliveryError.Code
        // Something that would be delivered beside it, too.
        repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        switch fault {
        case .sops:
            repository.write("deploy/prod/s.yaml", "a: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n")
            code = .stillSealed
        case .sopsFile:
            repository.write(
                "deploy/prod/s.bin", "{\"data\": \"ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\"}")
            code = .stillSealed
        case .sealedSecret:
            repository.write("deploy/prod/s.yaml", RefusedDeliveryTests.sealedSecret)
            code = .stillSealed
        case .sealedSecretInList:
            let lines = RefusedDeliveryTests.sealedSecret.split(separator: "\n").map { "  \($0)" }
            let item = "- " + lines.joined(separator: "\n").dropFirst(2)
            repository.write("deploy/prod/s.yaml", "apiVersion: v1\nkind: List\nitems:\n\(item)\n")
            code = .stillSealed
        case .unparsedSealedSecret:
            repository.write(
                "deploy/prod/s.yaml", "{{ if x }}\n\(RefusedDeliveryTests.sealedSecret)\n{{ end }}\n")
            code = .stillSealed
        case .sealedSecretInSealedFile:
            try world.sealFile("deploy/prod/other.key", Array("ENC[AES256_GCM,data:x]".utf8))
            code = .stillSealed
        case .tokenInText:
            repository.write("deploy/prod/note.txt", "the token \(token)\n")
            code = .stillSealed
        case .tokenInComment:
            repository.write("deploy/prod/note.yaml", "a: 1 # \(token)\n")
            code = .stillSealed
        case .tokenInBase64:
            repository.write("deploy/prod/note.yaml", "a: \(base64)\n")
            code = .stillSealed
        case .tokenInLines:
            // The mark itself stands across a line break.
            repository.write("deploy/prod/note.txt", "\(base64.prefix(9))\n\(base64.dropFirst(9))\n")
            code = .stillSealed
        case .tokenOfAnotherKey:
            repository.write(
                "deploy/prod/database.yaml",
                String(decoding: world.read("deploy/prod/database.yaml"), as: UTF8.self)
                    .replacing("password:", with: "passphrase:"))
            code = .cannotOpen
        case .plainValue:
            repository.write("deploy/prod/strict/app.yaml", "password: \(World.canary)\n")
            code = .plaintextRefused
        case .plainFile:
            repository.write("deploy/prod/server.key", World.canary)
            code = .plaintextRefused
        case .link:
            unsafe symlink("/etc/passwd", repository.path + "/deploy/prod/link.yaml")
            code = .linkInTree
        case .loss:
            repository.git("rm", "-q", "-r", "-f", "deploy")
            repository.write("deploy/prod/app.yaml", "listen: 9090\n")
            code = .lossRefused
        case .empty:
            repository.git("rm", "-q", "-r", "-f", "deploy")
            code = .emptyTree
        case .otherSigner:
            world.sign(as: "mallory")
            code = .signerNotAllowed
        }
        repository.commit("bad")
        return code
    }

    @Test(arguments: Fault.allCases)
    func `what is refused leaves every target untouched`(fault: Fault) async throws {
        world.repository.commit("good")
        #expect(try await run() == nil)
        let last = world.repository.git("rev-parse", "HEAD")
        let before = standing()
        #expect(before.count > 20 && before.last == "1 \(World.canary)")
        let expected = try commit(fault)
        let error = try await run(last: last)
        #expect(error?.code == expected, "\(error.map { "\($0.code): \($0)" } ?? "delivered")")
        #expect(standing() == before)
    }

    // MARK: - One of several targets

    enum Refusal: String, CaseIterable, Sendable {
        case foreignDirectory, foreignFile, notInMemory, valueNowhere, twoFilesOfOneName, nothingForIt,
            badTemplate
        case failingCommand, tooManyCredentials, missingParent
    }

    /// A target that refuses.
    private func target(_ refusal: Refusal) throws -> (Target, DeliveryError.Code) {
        func output(_ value: String, _ path: Path = "out") throws -> TargetContents {
            TargetContents(
                outputs: [
                    try ComposedFile(.value(try ValueReference(parsing: Array(value.utf8))), at: path)
                ])
        }
        var files = try world.target("other")
        switch refusal {
        case .foreignDirectory:
            unsafe mkdir(world.scratch.file("other"), 0o700)
            return (.files(files), .targetNotOurs)
        case .foreignFile:
            ScratchRepository(at: world.scratch.path).write("other/app.yaml", "foreign")
            return (.files(try world.target("other", .files)), .targetNotOurs)
        case .notInMemory:
            files.memory = .required
            return (.files(files), .targetRefused)
        case .valueNowhere:
            files.contents = try output("none.yaml:a")
            return (.files(files), .sourceMissing)
        case .twoFilesOfOneName:
            files.contents = try output("app.yaml", "database.yaml")
            return (.files(files), .targetCollision)
        case .nothingForIt:
            files.contents = TargetContents(path: "nothing")
            return (.files(files), .emptyTree)
        case .badTemplate:
            files.contents = TargetContents(outputs: [try ComposedFile(.template("bad.in"), at: "out")])
            return (.files(files), .malformedContent)
        case .failingCommand:
            let program = ChildProgram(["sh", "-c", "exit 1"])
            return (.command(try CommandTarget(name: "other", program: program)), .commandFailed)
        case .tooManyCredentials:
            let grant = try CredentialGrant(
                unit: "a.service", credential: "b", value: try ValueReference(parsing: Array("big.txt".utf8)))
            let other = try CredentialTarget(name: "other", store: CredentialStore(), grants: [grant])
            return (.credentials(other), .limitExceeded)
        case .missingParent:
            return (
                .files(try FilesTarget(directory: Path(world.scratch.file("none/other")))), .targetRefused
            )
        }
    }

    @Test(arguments: Refusal.allCases)
    func `F061 what one target refuses leaves the others untouched, those before it too`(
        refusal: Refusal
    ) async throws {
        world.repository.write("deploy/prod/bad.in", "${app.yaml")
        world.repository.write("deploy/prod/big.txt", String(repeating: "x", count: (1 << 20) + 1))
        world.repository.commit("good")
        #expect(try await run() == nil)
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.repository.commit("next")
        let before = standing()
        let (other, expected) = try target(refusal)
        let all = try targets()
        // The command target alone is asked what it would do.
        let own = all.filter { if case .command = $0 { false } else { true } }
        #expect(try await ending(world.reconciliation(targets: own + [other])) == expected)
        #expect(standing() == before)
        #expect(try await run() == nil)
        #expect(world.delivered("app.yaml") == "listen: 9090\n")
    }

    @Test func `a command after a change that fails keeps no other target from its files`() async throws {
        var failing = try world.target("app")
        failing.completion = .program(ChildProgram(["sh", "-c", "exit 1"]))
        let all: [Target] = [.files(failing), .files(try world.target("shared", .files))]
        world.repository.commit("good")
        for text in ["listen: 8080\n", "listen: 9090\n"] {
            world.repository.write("deploy/prod/app.yaml", text)
            world.repository.git("commit", "-q", "--allow-empty", "-a", "-m", "next")
            #expect(try await ending(world.reconciliation(targets: all)) == .reloadFailed)
            let shared = ShellCommand.run("cat", [world.scratch.file("shared/app.yaml")])
            #expect(shared.stdout == Array(text.utf8) && world.delivered("app.yaml") == text)
        }
    }

    // MARK: - Rendered

    private static let rules = """
          - { paths: ["deploy/prod/named.*"], environment: prod, values: ["**.password", "password"], scope: { name: db, places: ["/Secret/shop/db/password"] } }
          - { paths: ["deploy/prod/**"], environment: prod }
        """

    private func write(_ isHelm: Bool, key: String) throws {
        let repository = world.repository
        TemporaryDirectory.removeTree(repository.path + "/deploy")
        world.write(rules: RefusedDeliveryTests.rules)
        if isHelm {
            repository.write("deploy/prod/chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
            repository.write(
                "deploy/prod/chart/templates/secret.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData:\n  \(key): {{ .Values.password }}\n"
            )
            try world.seal("deploy/prod/named.yaml", "password: \(World.canary)\n")
        } else {
            repository.write(
                "deploy/prod/kustomization.yaml",
                "namespace: shop\ngeneratorOptions: {disableNameSuffixHash: true}\nsecretGenerator:\n- {name: \(key == "password" ? "db" : key), envs: [named.env]}\n"
            )
            try world.seal("deploy/prod/named.env", "password='\(World.canary)'\n")
        }
        repository.commit("\(isHelm) \(key)")
    }

    @Test(arguments: [true, false])
    func `a name that a template delivers elsewhere leaves the target untouched`(isHelm: Bool) async throws {
        guard isHelm ? RenderingTests.hasHelm : RenderingTests.hasKustomize else { return }
        let kind: Rendering.Kind =
            isHelm
            ? .helm(
                release: "shop", namespace: "shop", chart: "chart", values: ["named.yaml"],
                includesDefinitions: true)
            : .kustomize(directory: Path([]))
        let rendering = try Rendering(
            kind, timeout: .seconds(120), searchPath: RenderingTests.searchPath, workplaces: ["/dev/shm"])
        func run() async throws -> DeliveryError.Code? {
            try await ending(world.reconciliation(targets: [.files(world.target())], rendering: rendering))
        }
        try write(isHelm, key: "password")
        #expect(try await run() == nil)
        let shown = try #require(world.delivered("manifests.yaml"))
        #expect(
            shown.contains(World.canary) || shown.contains(Base64.standard.encode(Array(World.canary.utf8))))
        let listing = { ShellCommand.run("find", [world.scratch.file(".app.generations"), "-ls"]).text }
        let before = listing()
        try write(isHelm, key: "elsewhere")
        #expect(try await run() == .cannotOpen)
        #expect(world.delivered("manifests.yaml") == shown && listing() == before)
    }
}
