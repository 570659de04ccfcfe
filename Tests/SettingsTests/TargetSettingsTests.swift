import Settings
import Testing

@Suite struct TargetSettingsTests {
    private func environment(_ targets: String, more: String = "") throws -> EnvironmentSettings {
        let text = """
            version: 1
            state: /var/lib/strongroom
            identities: [/etc/strongroom/identity]
            environments:
              prod:
                trust: { root: "\(String(repeating: "01", count: 32))", repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5 }
                sources:
                  config: { url: /srv/git/config.git, branch: main, verify: none\(more) }
                targets: [\(targets)]
            """
        return try Settings(parsing: Array(text.utf8)).environment("prod")
    }

    private func isRefused(_ targets: String) -> Bool {
        do {
            _ = try environment(targets)
            return false
        } catch {
            return (error as? SettingsError)?.code == .malformed
        }
    }

    @Test func `files without a directory go to memory, and must`() throws {
        guard case .files(let target)? = try environment("{ files: {} }").targets.first else {
            Issue.record("no target of files")
            return
        }
        #expect(target.directory == "/run/strongroom/prod")
        #expect(target.memory == .required && target.isStandingDirectory)
    }

    @Test func `what is made of values, and what is run after a change, is read`() throws {
        let text = """
            { files: { directory: /srv/app, path: app, include: ["*.yaml"], tmpfs: any, reload: ["systemctl", "reload", "app"],
              reloadTimeout: 30s, templates: [{ template: a.in, file: a.conf }],
              environmentFiles: [{ from: [a.yaml, b.env], file: app.env }], values: [{ value: "a.yaml:data.x", file: x }] } }
            """
        guard case .files(let target)? = try environment(text).targets.first else {
            Issue.record("no target of files")
            return
        }
        #expect(
            target.reload == ProgramSettings(arguments: ["systemctl", "reload", "app"], timeoutSeconds: 30))
        #expect(target.memory == .any)
        #expect(target.contents.path == "app" && target.contents.include == ["*.yaml"])
        #expect(
            target.contents.outputs == [
                .template("a.in", file: "a.conf"), .environment(["a.yaml", "b.env"], file: "app.env"),
                .value("a.yaml:data.x", file: "x"),
            ])
    }

    @Test func `commands, Compose projects and credentials are read`() throws {
        let text = """
            { command: { name: vault, run: ["/usr/local/bin/put"], timeout: 2m, environment: { MODE: kv } } },
            { compose: { project: shop, files: [compose.yaml, prod.yaml], timeout: 5m, values: [{ value: "a:b", file: c }] } },
            { credentials: { socket: /run/strongroom/credentials.sock, reload: ["true"],
              allow: [{ unit: app.service, credential: key, value: "a.yaml:data.key" }] } }
            """
        let targets = try environment(text).targets
        guard case .command(let command) = targets[0], case .compose(let compose) = targets[1],
            case .credentials(let credentials) = targets[2]
        else {
            Issue.record("other kinds of targets")
            return
        }
        #expect(command.program == ProgramSettings(arguments: ["/usr/local/bin/put"], timeoutSeconds: 120))
        #expect(command.environment == ["MODE": "kv"])
        #expect(compose.files.directory == "/run/strongroom/prod-shop" && compose.files.memory == .required)
        #expect(compose.composeFiles == ["compose.yaml", "prod.yaml"])
        #expect(compose.program == ProgramSettings(arguments: ["docker", "compose"], timeoutSeconds: 300))
        #expect(credentials.allow.first?.unit == "app.service")
        #expect(credentials.reload?.arguments == ["true"])
    }

    @Test func `rendering and the loss that is allowed are read`() throws {
        let helm = try environment(
            "", more: ", render: { helm: { release: shop, namespace: web, chart: chart, values: [a.yaml] } }")
        guard case .helm(let release)? = helm.sources.first?.rendering else {
            Issue.record("no Helm release")
            return
        }
        #expect(release.chart == "chart" && release.namespace == "web" && release.output == "manifests.yaml")
        let kustomize = try environment(
            "", more: ", render: { kustomize: { directory: overlay, timeout: 10s } }")
        #expect(
            kustomize.sources.first?.rendering
                == .kustomize(directory: "overlay", output: "manifests.yaml", timeoutSeconds: 10))
        #expect(kustomize.maximumLoss == 50)
    }

    @Test(arguments: [
        "{ files: { directory: relative } }", "{ files: {}, command: {} }", "{ files: { tmpfs: maybe } }",
        "{ files: { reloadTimeout: 3s } }", "{ files: { reload: [] } }",
        "{ files: { templates: [{ file: a }] } }",
        "{ command: { run: [a] } }", "{ command: { name: a } }", "{ compose: {} }",
        "{ compose: { project: shop, files: [] } }", "{ credentials: { socket: /run/a } }", "{ tape: {} }",
    ]) func `a target that can't be meant is refused`(text: String) {
        #expect(isRefused(text))
    }
}

extension TargetSettingsTests {
    @Test(arguments: [
        ("{ files: { directory: /srv/app } }", "{ files: { directory: /srv/app/ } }"),
        ("{ files: { directory: /srv/app } }", "{ files: { directory: /srv/app/deep } }"),
        ("{ files: { directory: /srv/./app/deep } }", "{ files: { directory: /srv/app, layout: files } }"),
        ("{ files: { directory: /run/strongroom/b-shop } }", "{ compose: { project: shop } }"),
        ("{ credentials: { socket: /run/s, allow: [] } }", "{ credentials: { socket: /run/s, allow: [] } }"),
    ]) func `F061 two environments never share a target`(first: String, second: String) throws {
        func settings(_ first: String, _ second: String) throws -> Settings {
            let environment = """
                trust: { root: "\(String(repeating: "01", count: 32))", repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5 }
                    sources: { config: { url: /srv/git/config.git, branch: main, verify: none } }
                """
            let text = """
                version: 1
                state: /var/lib/strongroom
                identities: [/etc/strongroom/identity]
                environments:
                  a:
                    \(environment)
                    targets: [\(first)]
                  b:
                    \(environment)
                    targets: [\(second)]
                """
            return try Settings(parsing: Array(text.utf8))
        }
        #expect(throws: SettingsError.self) { try settings(first, second) }
        _ = try settings(first, "{ files: { directory: /srv/apples } }")
        _ = try settings(second, "{ files: {} }")
    }
}
