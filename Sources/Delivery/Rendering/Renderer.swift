internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// Makes manifests of opened files: values are opened before, named ones after (DESIGN.md section 7).
struct Renderer {
    let rendering: Rendering
    let environment: String
    let rules: Rules
    let keyring: OpenedKeyring
    let digest: ContentDigest
    /// What messages call the commit.
    let place: String

    /// What a render made: one file, held in guarded memory, and the objects in it.
    struct Rendered {
        let file: OpenedFile
        let objects: [Path]
    }

    /// Renders `files`, which were opened but for their named values; nil where nothing came of it.
    ///
    /// Throws `commandFailed` where the program is missing, fails, is too slow or renders too much, `notSupported` for
    /// what would be loaded from elsewhere, `cannotOpen` where a token does not open in the rendered object that it
    /// stands in, `stillSealed` where one is left, in base64 too, `malformedContent` where no YAML came out.
    func render(_ files: [OpenedFile]) throws(DeliveryError) -> Rendered? {
        if case .kustomize = rendering.kind { try Kustomization.requireLocal(files, place: place) }
        let text = try run(files)
        let opened = try text.withBytes { (text) throws(DeliveryError) -> OpenedManifests in
            var bytes = text.array
            defer { Renderer.wipe(&bytes) }
            do throws(SealingError) {
                return try DocumentOpener(rules: rules, keyring: keyring, enforcing: true)
                    .openRendered(bytes, name: "\(rendering.output)")
            } catch {
                let cause = DeliveryError(sealing: error)
                throw DeliveryError(cause.code, "\(place): rendered \(cause.context)", underlying: error)
            }
        }
        let objects = opened.objects.map { Path($0) }
        guard !objects.isEmpty else { return nil }
        var scanner = MarkScanner(isDocument: true)
        let isMarked = opened.bytes.withBytes { scanner.finds(in: $0) }
        let foreign = opened.bytes.withBytes { ForeignCiphertext.find(in: $0, .yaml) }
        if let foreign {
            throw DeliveryError(
                .stillSealed,
                "\(place): rendered \(rendering.output): \(foreign.rawValue) ciphertext, which is not delivered as it stands"
            )
        }
        guard !isMarked else {
            throw DeliveryError(
                .stillSealed,
                "\(place): rendered \(rendering.output): a sealed token or SOPS marker would be delivered")
        }
        let fingerprint = opened.bytes.withBytes { digest.fingerprint(of: $0) }
        let content = opened.bytes.withBytes { HeldContent(SecretBytes(copying: $0)) }
        let file = OpenedFile(
            path: rendering.output, isExecutable: false, origin: .sealedValues, fingerprint: fingerprint,
            content: content)
        return Rendered(file: file, objects: objects)
    }

    private func run(_ files: [OpenedFile]) throws(DeliveryError) -> SecretBytes {
        let workplace = try Workplace(for: environment, in: rendering.workplaces)
        try workplace.write(files, checking: digest)
        let secrets = files.filter { $0.origin != .plain }
        let run = ProgramRun(
            program: try rendering.program(in: workplace.path), purpose: "\(place): \(rendering.name)",
            failure: .commandFailed, outputLimit: Rendering.outputLimit
        ) { () throws(DeliveryError) in try SecretIndex(of: secrets) }
        return try [UInt8]().withBytes { (none) throws(DeliveryError) in try run.run(none, mustRead: false) }
    }

    /// Overwrites what an array held, where nobody else holds it.
    static func wipe(_ bytes: inout [UInt8]) {
        for index in bytes.indices { bytes[index] = 0 }
        bytes = []
    }
}
