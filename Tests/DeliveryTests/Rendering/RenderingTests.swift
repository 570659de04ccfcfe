import Encodings
import Files
import Git
import Glibc
import Processes
import Sealing
import Sodium
import Support
import Testing

@testable import Delivery

/// Kustomize and Helm themselves, where they are installed: Scripts/packages brings both.
@Suite struct RenderingTests {
    let world: World

    /// Where the programs of others are looked up.
    static let searchPath = "\(CrashPoints.products)/../../tools:\(ChildProgram.standardPath)"
    static let hasHelm = isThere("helm")
    static let hasKustomize = isThere("kustomize") || isThere("kubectl")

    private static func isThere(_ name: String) -> Bool {
        (try? ChildProgram([name], environment: ["PATH": searchPath]).executable()) != nil
    }

    private let rules = """
          - { paths: ["deploy/prod/**/named.yaml"], environment: prod, values: ["**.password"], scope: { name: db, places: ["/Secret/shop/db*/password", "/ConfigMap/shop/open/data.text"] } }
          - { paths: ["deploy/prod/**/named.env"], environment: prod, values: ["**"], scope: { name: db, places: ["/Secret/shop/db*/password", "/ConfigMap/shop/open/data.text"] } }
          - { paths: ["deploy/prod/**/*.env"], environment: prod, values: ["**"], scope: file }
          - { paths: ["deploy/prod/**/values.yaml"], environment: prod, values: ["**.password"], scope: file }
          - { paths: ["deploy/prod/**"], environment: prod }
        """

    init() throws {
        world = try World()
        world.write(rules: rules)
        TemporaryDirectory.removeTree(world.repository.path + "/deploy")
    }

    private func rendered(
        _ kind: Rendering.Kind, searchPath: String = searchPath, workplaces: [Path] = ["/dev/shm"]
    ) throws -> OpenedTree {
        world.repository.commit("next")
        let rendering = try Rendering(
            kind, timeout: .seconds(120), searchPath: searchPath, workplaces: workplaces)
        return try world.reconciliation(rendering: rendering).open(at: time(1_700_001_000))
    }

    private func text(_ tree: OpenedTree) throws -> String {
        String(decoding: try tree.file(at: "manifests.yaml").held().withBytes { $0.array }, as: UTF8.self)
    }

    private func refusal(_ body: () throws -> OpenedTree) throws -> DeliveryError {
        do {
            _ = try body()
        } catch let error as DeliveryError {
            #expect(!everyWord(of: error).contains("CANARY"))
            return error
        }
        throw DeliveryError(.io, "it was rendered")
    }

    private let kustomize = Rendering.Kind.kustomize(directory: "overlay")

    private func writeKustomization(_ more: String) {
        world.repository.write(
            "deploy/prod/overlay/kustomization.yaml",
            "namespace: shop\nresources: [../base]\ngeneratorOptions: {disableNameSuffixHash: true}\n\(more)\n"
        )
        world.repository.write("deploy/prod/base/kustomization.yaml", "resources: [app.yaml]\n")
        world.repository.write(
            "deploy/prod/base/app.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {a: b}\n")
    }

    // MARK: - Kustomize

    @Test(.enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"))
    func `values are opened before Kustomize generates, in memory, and nothing is left of that`() throws {
        writeKustomization("secretGenerator:\n- {name: db, envs: [plain.env]}")
        try world.seal("deploy/prod/overlay/plain.env", "password=\(World.canary)\n")
        // A place of its own: other tests render at the same time.
        let memory = TemporaryDirectory("strongroom-workplace", in: "/dev/shm")
        let tree = try rendered(kustomize, workplaces: [Path(memory.path)])
        let encoded = Base64.standard.encode(Array(World.canary.utf8))
        #expect(try text(tree).contains("password: \(encoded)"))
        #expect(tree.objects.map(\.description) == ["/ConfigMap/shop/app", "/Secret/shop/db"])
        #expect(tree.files.map(\.path) == ["manifests.yaml"])
        #expect(ShellCommand.run("ls", ["-A", memory.path]).text == "")
    }

    @Test(.enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"))
    func `a named value goes through a generator sealed and is opened at its allowed places`() throws {
        writeKustomization(
            "secretGenerator:\n- {name: db, envs: [named.env]}\nconfigMapGenerator:\n- {name: open, files: [text=named.txt]}"
        )
        try world.seal("deploy/prod/overlay/named.env", "password='it is \(World.canary)'\n")
        let token = try #require(
            String(decoding: world.read("deploy/prod/overlay/named.env"), as: UTF8.self).split(separator: "=")
                .last)
        world.repository.write("deploy/prod/overlay/named.txt", String(token.prefix { $0 != "\n" }))
        let shown = try text(try rendered(kustomize))
        #expect(shown.contains(Base64.standard.encode(Array("it is \(World.canary)".utf8))))
        #expect(shown.contains("text: \"it is \(World.canary)\""))
        #expect(!shown.contains("sealed.v"))
    }

    @Test(
        .enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"),
        arguments: [
            "secretGenerator:\n- {name: other, envs: [named.env]}",
            "configMapGenerator:\n- {name: db, envs: [named.env]}",
            "secretGenerator:\n- {name: db, namespace: elsewhere, envs: [named.env]}",
            "secretGenerator:\n- {name: db, files: [key=named.env]}",
        ]) func `a name delivered elsewhere is refused`(generator: String) throws
    {
        writeKustomization(generator)
        if generator.contains("elsewhere") {
            world.repository.write(
                "deploy/prod/overlay/kustomization.yaml",
                "generatorOptions: {disableNameSuffixHash: true}\n\(generator)\n")
        }
        try world.seal("deploy/prod/overlay/named.env", "password=\(World.canary)\n")
        let error = try refusal { try rendered(kustomize) }
        #expect([.cannotOpen, .stillSealed].contains(error.code), "\(error)")
    }

    @Test(
        .enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"),
        arguments: [
            "https://example.org/base.yaml", "github.com/example/base?ref=v1", "git@example.org:base.git",
            "http://localhost:1/base.yaml",
        ]) func `what is not in the commit is not loaded`(resource: String) throws
    {
        writeKustomization("")
        world.repository.write(
            "deploy/prod/base/kustomization.yaml", "resources: [app.yaml, \"\(resource)\"]\n")
        #expect(try refusal { try rendered(kustomize) }.code == .notSupported)
    }

    @Test(
        .enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"),
        arguments: [
            "resources: [../../../../../etc]", "resources: [/etc/app]", "resources: [app.yaml, ../../..]",
            "resources: [app.yaml]\ncomponents: [../x/../../../y]",
            "commonAnnotations: {a: &a ../../../../run/strongroom/other}\nresources: [*a]",
            "commonAnnotations: {a: &a \"http://localhost:1/x.yaml\"}\nresources: [*a]",
            "configMapGenerator:\n- {name: a, files: [\"k=http://localhost:1/x\"]}",
        ]) func `a directory outside of the commit is not loaded, by whatever way`(text: String) throws
    {
        writeKustomization("")
        world.repository.write("deploy/prod/base/kustomization.yaml", text + "\n")
        #expect(try refusal { try rendered(kustomize) }.code == .notSupported)
    }

    @Test(.enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"))
    func `addresses and paths that are values are no reason to refuse`() throws {
        writeKustomization(
            """
            commonAnnotations: {docs: "https://example.org/x", up: "../../../.."}
            configMapGenerator:
            - {name: urls, literals: ["URL=https://example.org", "DIR=/etc/app", "UP=../../../../x"]}
            patches:
            - target: {kind: ConfigMap, name: app}
              patch: '[{"op": "add", "path": "/data/url", "value": "https://example.org"}]'
            """)
        let shown = try text(try rendered(kustomize))
        #expect(shown.contains("DIR: /etc/app") && shown.contains("url: https://example.org"))
    }

    @Test(.enabled(if: hasKustomize, "neither kustomize nor kubectl is installed"))
    func `a build that fails, or renders nothing, delivers nothing`() throws {
        writeKustomization("patches: [{path: none.yaml}]")
        let error = try refusal { try rendered(kustomize) }
        #expect(error.code == .commandFailed && error.context.contains("none.yaml"))
        world.repository.write("deploy/prod/base/kustomization.yaml", "resources: []\n")
        world.repository.write("deploy/prod/overlay/kustomization.yaml", "resources: [empty.yaml]\n")
        world.repository.write("deploy/prod/overlay/empty.yaml", "# nothing\n")
        #expect([.emptyTree, .commandFailed].contains(try refusal { try rendered(kustomize) }.code))
    }

    // MARK: - Helm

    private let helm = Rendering.Kind.helm(
        release: "shop", namespace: "shop", chart: "chart", values: ["values.yaml", "named.yaml"],
        includesDefinitions: true)

    private func writeChart(_ secret: String) throws {
        world.repository.write("deploy/prod/chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
        world.repository.write("deploy/prod/chart/templates/secret.yaml", secret)
        try world.seal("deploy/prod/values.yaml", "plain: {password: \"\(World.canary)-plain\"}\n")
        try world.seal("deploy/prod/named.yaml", "named: {password: '\(World.canary) # \"named\"'}\n")
    }

    private static let secretHead = "apiVersion: v1\nkind: Secret\nmetadata: {name: db-1, namespace: shop}\n"

    @Test(
        .enabled(if: hasHelm, "helm is not installed"),
        arguments: [
            "stringData: {password: {{ .Values.named.password }}, other: {{ .Values.plain.password }}}",
            "stringData:\n  password: {{ .Values.named.password | quote }}\n  other: {{ .Values.plain.password | quote }}",
            "data:\n  password: {{ .Values.named.password | b64enc }}\nstringData:\n  other: {{ .Values.plain.password }}",
            "data:\n  password: {{ .Values.named.password | b64enc | quote }}\nstringData:\n  other: {{ .Values.plain.password }}",
        ]) func `values of a chart are opened before, named ones after, as scalars and in base64`(
            fields: String
        ) throws
    {
        try writeChart(RenderingTests.secretHead + fields + "\n")
        let tree = try rendered(helm)
        let shown = try text(tree)
        let named = "\(World.canary) # \"named\""
        #expect(shown.contains("\(World.canary)-plain"))
        #expect(
            shown.contains(
                fields.contains("b64enc") ? Base64.standard.encode(Array(named.utf8)) : "'\(named)'"))
        #expect(!shown.contains("sealed.v") && tree.objects.map(\.description) == ["/Secret/shop/db-1"])
    }

    @Test(
        .enabled(if: hasHelm, "helm is not installed"),
        arguments: [
            "stringData: {other: {{ .Values.named.password }}}",
            "stringData:\n  password: \"prefix {{ .Values.named.password }}\"",
            "data:\n  password: {{ printf \"prefix %s\" .Values.named.password | b64enc }}",
        ]) func `a name delivered elsewhere by a chart is refused, and so is one in a longer text`(
            fields: String
        ) throws
    {
        try writeChart(RenderingTests.secretHead + fields + "\n")
        let error = try refusal { try rendered(helm) }
        #expect([.cannotOpen, .stillSealed].contains(error.code), "\(error)")
    }

    @Test(.enabled(if: hasHelm, "helm is not installed"))
    func `a chart that quotes a secret in its failure does not have it shown`() throws {
        try writeChart("{{ fail (printf \"no %s here\" .Values.plain.password) }}\n")
        let error = try refusal { try rendered(helm) }
        #expect(error.code == .commandFailed && error.context.contains("[redacted]"))
    }

    @Test(.enabled(if: hasHelm, "helm is not installed"))
    func `a chart that makes a SealedSecret or a SOPS value is refused`() throws {
        for made in [
            "{{ if true }}\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\n{{ end }}\n",
            RenderingTests.secretHead
                + "stringData: {a: \"{{ printf \"ENC[AES256%s\" \"_GCM,data:x]\" }}\"}\n",
        ] {
            try writeChart(made)
            let error = try refusal { try rendered(helm) }
            #expect(error.code == .stillSealed, "\(error)")
        }
    }

    @Test(.enabled(if: hasHelm, "helm is not installed"))
    func `a chart that renders nothing is refused`() throws {
        try writeChart("{{ if false }}\n" + RenderingTests.secretHead + "{{ end }}\n")
        #expect(try refusal { try rendered(helm) }.code == .emptyTree)
    }

    // MARK: - The program's own ways to fail, by small programs in its place

    private func place(_ script: String) -> String {
        let file = world.scratch.file("bin/helm")
        ScratchRepository(at: world.scratch.path).write("bin/helm", "#!/bin/sh\n\(script)\n")
        unsafe chmod(file, 0o755)
        return world.scratch.file("bin")
    }

    @Test func `a program that is not there, hangs, fails or never ends its output is a failed delivery`()
        throws
    {
        try writeChart(RenderingTests.secretHead)
        #expect(try refusal { try rendered(helm, searchPath: "/nonexistent") }.code == .commandFailed)
        for script in ["exit 3", "/usr/bin/yes a: b"] {
            #expect(try refusal { try rendered(helm, searchPath: place(script)) }.code == .commandFailed)
        }
    }

    @Test func `a program sees the opened files in memory, no network's proxy and nobody's PATH`() throws {
        try writeChart(RenderingTests.secretHead)
        let script = """
            printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a, namespace: b}\\ndata:\\n'
            printf '  path: "%s"\\n  proxy: "%s"\\n  here: "%s"\\n' "$PATH" "$HTTPS_PROXY" "$PWD"
            printf '  modes: "%s"\\n' "$(/usr/bin/stat -c '%a' . chart values.yaml | /usr/bin/tr '\\n' ' ')"
            """
        let shown = try text(try rendered(helm, searchPath: place(script)))
        #expect(shown.contains("path: \"/nonexistent\"") && shown.contains("proxy: \"http://127.0.0.1:9\""))
        #expect(shown.contains("here: \"/dev/shm/strongroom-") && shown.contains("modes: \"700 700 600 \""))
    }

    @Test func `what the program leaves running ends with it, and with its directory`() throws {
        try writeChart(RenderingTests.secretHead)
        let note = world.scratch.file("pid")
        let script = """
            /usr/bin/sleep 100000 > /dev/null 2>&1 < /dev/null &
            echo "$! $PWD" > \(note)
            printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a, namespace: b}\\n'
            """
        _ = try rendered(helm, searchPath: place(script))
        let words = ShellCommand.run("cat", [note]).text.split(separator: " ").map(String.init)
        try #require(words.count == 2)
        let check =
            "for i in $(seq 6000); do s=$(cut -d' ' -f3 /proc/\(words[0])/stat 2>&-) || exit 0; "
            + "[ \"$s\" = Z ] && exit 0; sleep 0.02; done; exit 1"
        #expect(ShellCommand.run("sh", ["-c", check]).status == 0)
        #expect(unsafe access(words[1], F_OK) != 0)
    }

    @Test func `what a killed run left in memory goes with the next, and nobody else's does`() throws {
        try writeChart(RenderingTests.secretHead)
        let memory = TemporaryDirectory("strongroom-workplace", in: "/dev/shm")
        let prefix = "strongroom-\(geteuid())-prod"
        let files = ScratchRepository(at: memory.path)
        let own = "\(prefix)-0123456789abcdef"
        let others = ["\(prefix)-eu-0123456789abcdef", "\(prefix)-0123", "precious"]
        for name in [own] + others { files.write("\(name)/files/secret", "opened") }
        if geteuid() == 0 {
            files.write("\(prefix)-fedcba9876543210/files/secret", "of another user")
            unsafe chown(memory.file("\(prefix)-fedcba9876543210"), 65_534, 65_534)
        }
        _ = try? rendered(
            helm, searchPath: place("exit 1"), workplaces: [Path(memory.path)])
        let left = Set(ShellCommand.run("ls", [memory.path]).text.split(separator: "\n").map(String.init))
        #expect(left == Set(others + (geteuid() == 0 ? ["\(prefix)-fedcba9876543210"] : [])))
    }

    @Test func `opened files are written to memory and nowhere else`() throws {
        try writeChart(RenderingTests.secretHead)
        #expect(
            try refusal {
                try rendered(helm, searchPath: place("true"), workplaces: [Path(world.scratch.path)])
            }.code
                == .notSupported)
    }

    @Test(arguments: ["../chart", "/chart", "a/../../b"])
    func `a path that leads out is none to render`(path: String) {
        #expect(
            code { () throws(DeliveryError) in try Rendering(.kustomize(directory: Path(path))) }
                == .unusableRequest)
        #expect(
            code { () throws(DeliveryError) in
                try Rendering(
                    .helm(
                        release: "--post-renderer=x", namespace: "a", chart: "c", values: [],
                        includesDefinitions: true))
            } == .unusableRequest)
    }
}
