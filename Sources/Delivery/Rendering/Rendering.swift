package import Files
internal import Processes

/// What makes manifests of a source's opened files before they are delivered: the programs of others, where they are
/// installed.
package struct Rendering: Sendable, Hashable {
    /// Which program, and what it is told.
    package enum Kind: Sendable, Hashable {
        /// `kustomize build` of a directory, or `kubectl kustomize` where that is there alone.
        case kustomize(directory: Path)
        /// `helm template` of the chart in a directory, with files of values; later ones win.
        case helm(release: String, namespace: String, chart: Path, values: [Path], includesDefinitions: Bool)
    }

    /// Which program.
    package let kind: Kind
    /// The path of the one file that is delivered.
    package let output: Path
    /// The time that the program may take.
    package let timeout: Duration
    /// Where programs are looked up.
    package let searchPath: String
    /// Directories on a tmpfs, of which the first that is there holds the opened files while the program runs.
    package let workplaces: [Path]

    /// The bytes that a program may render.
    static let outputLimit = 32 << 20

    /// A rendering of these values. Throws `unusableRequest` for paths that lead out of the delivered directory, and names
    /// that a program would take for an option.
    package init(
        _ kind: Kind, output: Path = "manifests.yaml", timeout: Duration = .seconds(60),
        searchPath: String = ChildProgram.standardPath, workplaces: [Path] = ["/run/strongroom", "/dev/shm"]
    ) throws(DeliveryError) {
        let paths: [Path]
        switch kind {
        case .kustomize(let directory): paths = [directory]
        case .helm(let release, let namespace, let chart, let values, _):
            for name in [release, namespace] where name.isEmpty || name.hasPrefix("-") {
                throw DeliveryError(.unusableRequest, "render: not a usable name: \(name)")
            }
            paths = [chart] + values
        }
        for path in paths + [output] {
            guard !path.isAbsolute, path.components.allSatisfy(\.isName) else {
                throw DeliveryError(
                    .unusableRequest, "render: not a path of the delivered directory: \(path)")
            }
        }
        guard output.isName else {
            throw DeliveryError(.unusableRequest, "render: file: a name is wanted, as manifests.yaml")
        }
        self.kind = kind
        self.output = output
        self.timeout = timeout
        self.searchPath = searchPath
        self.workplaces = workplaces
    }

    /// The program for the files in `root`, an absolute path.
    ///
    /// It finds no other program and no network: PATH leads nowhere (Kustomize fetches by git), requests go to a proxy that
    /// is not there, and its plug-ins and settings are those of an empty home. Throws `commandFailed` where it is not
    /// installed.
    func program(in root: Path) throws(DeliveryError) -> ChildProgram {
        let home = root.appending(Rendering.homeName)
        var environment = [
            "PATH": "/nonexistent", "LANG": "C.UTF-8", "HOME": "\(home)", "TMPDIR": "\(home)",
            "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
            "KUBECONFIG": "\(home)/none",
        ]
        let arguments: [String]
        switch kind {
        case .kustomize(let directory):
            let place = root.appending(Rendering.filesName).appending(directory)
            if let kustomize = find("kustomize") {
                arguments = [kustomize, "build", "\(place)"]
            } else if let kubectl = find("kubectl") {
                arguments = [kubectl, "kustomize", "\(place)"]
            } else {
                throw missing("kustomize")
            }
        case .helm(let release, let namespace, let chart, let values, let includesDefinitions):
            guard let helm = find("helm") else { throw missing("helm") }
            let files = root.appending(Rendering.filesName)
            for name in ["CACHE", "CONFIG", "DATA"] {
                environment["HELM_\(name)_HOME"] = "\(home)/helm"
            }
            environment["HELM_PLUGINS"] = "\(home)/plugins"
            var words = [helm, "template", release, "\(files.appending(chart))", "--namespace", namespace]
            for file in values { words += ["--values", "\(files.appending(file))"] }
            words.append("--skip-tests")
            if includesDefinitions { words.append("--include-crds") }
            arguments = words
        }
        return ChildProgram(
            arguments, environment: environment, directory: root.appending(Rendering.filesName),
            timeout: timeout, endsGroup: true)
    }

    /// What messages call it.
    var name: String {
        switch kind {
        case .kustomize: "kustomize"
        case .helm: "helm"
        }
    }

    /// The directory of the opened files in a workplace.
    static let filesName: Path = "files"
    /// The program's home in it.
    static let homeName: Path = "home"

    private func find(_ name: String) -> String? {
        (try? ChildProgram([name], environment: ["PATH": searchPath]).executable())?.description
    }

    private func missing(_ name: String) -> DeliveryError {
        DeliveryError(.commandFailed, "render: \(name) is not installed in \(searchPath)")
    }
}
