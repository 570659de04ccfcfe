internal import Documents
internal import Files
internal import Sodium

/// Keeps a kustomization to what is in the commit: Kustomize itself would load from the network, and directories
/// anywhere on the machine, another environment's opened files among them.
enum Kustomization {
    /// What a kustomization's file is called.
    private static let names: Set<Path> = ["kustomization.yaml", "kustomization.yml", "Kustomization"]
    /// Fields under which directories are loaded; files below others are kept to their kustomization by Kustomize.
    private static let directoryFields: Set<String> = [
        "resources", "bases", "components", "generators", "transformers", "validators",
    ]
    /// Fields under which something is loaded.
    private static let loadingFields: Set<String> = directoryFields.union([
        "crds", "configurations", "patches", "patchesStrategicMerge", "patchesJson6902", "configMapGenerator",
        "secretGenerator", "replacements", "openapi", "helmCharts", "helmChartInflationGenerator",
    ])
    /// Fields below those whose values are no places.
    private static let plainFields: Set<String> = [
        "literals", "patch", "options", "target", "labels", "annotations",
    ]

    /// Throws `notSupported` where a kustomization among `files` would load what is not in the commit, `malformedContent`
    /// for one that is no YAML. `place` is what messages call the commit.
    static func requireLocal(_ files: [OpenedFile], place: String) throws(DeliveryError) {
        for file in files where names.contains(file.path.name) {
            var text = try file.held().withBytes { $0.array }
            defer { Renderer.wipe(&text) }
            guard let document = try? TextDocument(text, format: .yaml, isSealed: { _ in false }) else {
                throw DeliveryError(.malformedContent, "\(place): \(file.path): not well-formed")
            }
            for slot in document.slots {
                let value = document.withValue(of: slot) { String(decoding: $0.array, as: UTF8.self) }
                guard let reason = reason(document, slot, value, in: file.path) else { continue }
                throw DeliveryError(
                    .notSupported,
                    "\(place): \(file.path): line \(slot.line): \(reason): only what is in the commit is rendered"
                )
            }
        }
    }

    /// Why the value of `slot` must not be loaded, nil where it may, or is not.
    private static func reason(
        _ document: TextDocument, _ slot: Slot, _ value: String, in file: Path
    ) -> String? {
        let fields = document.path(of: slot).components.compactMap { component -> String? in
            guard case .key(let key) = component else { return nil }
            return String(decoding: key, as: UTF8.self)
        }
        // By an alias or merge a value may come under any field.
        let isMoved = slot.isAliasedOrMerged
        let isLoaded =
            isMoved
            || (fields.first.map(loadingFields.contains) == true
                && !fields.dropFirst().contains(where: plainFields.contains))
        if isLoaded, isRemote(value) { return "loads from elsewhere" }
        guard isMoved || fields.first.map(directoryFields.contains) == true, leadsOut(value, of: file) else {
            return nil
        }
        return "leads out of the delivered directory"
    }

    private static func isRemote(_ value: String) -> Bool {
        value.contains("://") || value.contains("?ref=") || value.hasPrefix("git@")
            || value.hasPrefix("github.com") || value.hasPrefix("git::")
    }

    /// Whether `value`, as a path that counts from the directory of `file`, is absolute or ends above the tree. What has
    /// line breaks is written in place, and is no path.
    private static func leadsOut(_ value: String, of file: Path) -> Bool {
        guard !value.contains("\n") else { return false }
        guard !value.hasPrefix("/") else { return true }
        var depth = file.components.count - 1
        for name in Path(value).components where name != "." {
            depth += name == ".." ? -1 : 1
            guard depth >= 0 else { return true }
        }
        return false
    }
}
