package import Delivery
internal import Files
package import Settings

/// The sockets on which an environment's units get their credentials, and the store that is served there.
package struct CredentialSockets: Sendable {
    /// What is served: the targets deliver into it.
    package let store = CredentialStore()
    private let paths: [Path]

    /// The sockets of `environment`; nil where it serves no credentials.
    package init?(_ environment: EnvironmentSettings) {
        paths = environment.targets.compactMap { target in
            guard case .credentials(let settings) = target else { return nil }
            return Path(settings.socket)
        }
        guard !paths.isEmpty else { return nil }
    }

    /// Listens until the task is cancelled. `report` gets a line for each request: unit, credential and outcome. Throws
    /// `locked` where somebody listens already.
    ///
    /// To be called once something was delivered: before, a unit is better told that nobody listens than given nothing.
    package func serve(report: @escaping @Sendable (String) -> Void) async throws {
        let servers = try paths.map { path in
            try CredentialServer(at: path, serving: store) { event in
                let asked = "\(event.unit ?? "an unknown unit"): credential \(event.credential ?? "unknown")"
                report("\(asked): \(event.outcome.rawValue) (user \(event.user), process \(event.process))")
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.run() } }
        }
    }
}
