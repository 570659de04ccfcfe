internal import Documents

/// What makes manifests of a source's files before they are delivered.
package enum RenderSettings: Sendable, Equatable {
    /// `kustomize`: the directory of the kustomization, below the source's path.
    case kustomize(directory: String, output: String, timeoutSeconds: Int64)
    /// `helm`: a chart in a directory, with files of values, all below the source's path.
    case helm(Helm)

    /// A Helm release.
    package struct Helm: Sendable, Equatable {
        /// The release's name.
        package let release: String
        /// Its namespace.
        package let namespace: String
        /// The chart's directory.
        package let chart: String
        /// Files of values; later ones win.
        package let values: [String]
        /// Whether custom resource definitions of the chart are rendered, too.
        package let includesDefinitions: Bool
        /// The delivered file.
        package let output: String
        /// The time that one run may take.
        package let timeoutSeconds: Int64
    }
}

extension RenderSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let kinds = try node.mapping(allowed: ["kustomize", "helm"])
        guard kinds.entries.count == 1, let entry = kinds.entries.first else {
            throw node.expected("one of kustomize and helm")
        }
        func timeout(_ mapping: YAMLMapping) throws(DocumentError) -> Int64 {
            try mapping.optional("timeout").map { node throws(DocumentError) in try Settings.seconds(node) }
                ?? 60
        }
        func output(_ mapping: YAMLMapping) throws(DocumentError) -> String {
            try mapping.optional("file")?.string() ?? "manifests.yaml"
        }
        if entry.key == "kustomize" {
            let mapping = try entry.value.mapping(allowed: ["directory", "file", "timeout"])
            self = .kustomize(
                directory: try mapping.optional("directory")?.string() ?? "", output: try output(mapping),
                timeoutSeconds: try timeout(mapping))
            return
        }
        let mapping = try entry.value.mapping(
            allowed: ["release", "namespace", "chart", "values", "crds", "file", "timeout"])
        self = .helm(
            Helm(
                release: try mapping.required("release").string(),
                namespace: try mapping.optional("namespace")?.string() ?? "default",
                chart: try mapping.required("chart").string(),
                values: try mapping.optional("values")?.strings() ?? [],
                includesDefinitions: try mapping.optional("crds")?.bool() ?? true,
                output: try output(mapping), timeoutSeconds: try timeout(mapping)))
    }
}
