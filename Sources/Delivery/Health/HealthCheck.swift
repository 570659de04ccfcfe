/// One question to what was delivered: does it work now.
package struct HealthCheck: Sendable, Hashable {
    /// What is asked.
    package enum Probe: Sendable, Hashable {
        /// A program that ends with status 0, started without a shell; PATH is searched where it has no slash.
        case command([String])
        /// A GET over plain HTTP to this machine that is answered with a status from 200 to 299.
        case http(LocalURL)
        /// A file that is there, not written longer ago than `maximumAge` seconds where that is given.
        case file(path: String, maximumAge: Int64?)
    }

    /// What is asked.
    package let probe: Probe
    /// How long one attempt may take.
    package let timeout: Duration
    /// How many attempts follow a failed one.
    package let retryCount: Int
    /// The pause between attempts.
    package let interval: Duration

    /// A check with these bounds.
    package init(
        _ probe: Probe, timeout: Duration = .seconds(10), retryCount: Int = 5,
        interval: Duration = .seconds(2)
    ) {
        self.probe = probe
        self.timeout = timeout
        self.retryCount = max(0, retryCount)
        self.interval = interval
    }

    /// What the check asks, for people; an argument of a command is not told.
    package var name: String {
        switch probe {
        case .command(let arguments): "command \(arguments.first ?? "")"
        case .http(let url): "http \(url)"
        case .file(let path, _): "file \(path)"
        }
    }
}

/// An `http` URL of this machine: health checks reach nothing else.
package struct LocalURL: Sendable, Hashable, CustomStringConvertible {
    /// The loopback address that is connected to.
    package let host: Host
    /// The port.
    package let port: UInt16
    /// Path and query, from the slash on.
    package let target: String

    /// A loopback address.
    package enum Host: String, Sendable, Hashable {
        /// 127.0.0.1; `localhost` means it.
        case ipv4 = "127.0.0.1"
        /// ::1.
        case ipv6 = "[::1]"
    }

    /// Reads `http://127.0.0.1[:PORT][/PATH]`, with `localhost` or `[::1]` as well. Throws `unusableRequest` for
    /// anything else, and for what can't stand in a request line.
    package init(_ text: String) throws(DeliveryError) {
        let refused = DeliveryError(
            .unusableRequest, "health check: expected http://localhost, http://127.0.0.1 or http://[::1]")
        let scheme = "http://"
        guard text.hasPrefix(scheme), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw refused
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let tail = rest.dropFirst(authority.count)
        guard !tail.contains("#") else { throw refused }
        var found: (Host, Substring)?
        for (name, host) in [("127.0.0.1", Host.ipv4), ("localhost", .ipv4), ("[::1]", .ipv6)]
        where authority.hasPrefix(name) {
            found = (host, authority.dropFirst(name.count))
        }
        guard let (host, suffix) = found else { throw refused }
        self.host = host
        if suffix.isEmpty {
            port = 80
        } else {
            guard suffix.first == ":", let port = UInt16(suffix.dropFirst()), port > 0,
                String(port) == suffix.dropFirst()
            else { throw refused }
            self.port = port
        }
        target = tail.hasPrefix("/") ? String(tail) : "/\(tail)"
    }

    /// The URL with its port.
    package var description: String { "http://\(host.rawValue):\(port)\(target)" }
}

/// How health checks ended.
package struct HealthVerdict: Sendable, Hashable {
    /// What failed, in words, a line a check; empty where all passed.
    package let failures: [String]

    /// Whether all passed.
    package var isHealthy: Bool { failures.isEmpty }
}

extension HealthCheck {
    /// Runs `checks` one after another until each passes or has used up its attempts. `isRetrying: false` asks each
    /// once. `now` gives the wall clock's seconds since 1970, `environment` is what commands get.
    ///
    /// Suspends between attempts; while one runs, its thread is blocked. Ends early where the task is cancelled.
    package static func run(
        _ checks: [HealthCheck], isRetrying: Bool = true, environment: [String], now: @Sendable () -> Int64
    ) async -> HealthVerdict {
        var failures: [String] = []
        for check in checks {
            var failure: String?
            for attempt in 0...(isRetrying ? check.retryCount : 0) {
                if attempt > 0 {
                    do { try await Task.sleep(for: check.interval) } catch { break }
                }
                failure = await check.attempt(environment: environment, now: now())
                guard failure != nil, !Task.isCancelled else { break }
            }
            if let failure { failures.append("\(check.name): \(failure)") }
        }
        return HealthVerdict(failures: failures)
    }

    /// Why the check fails now; nil where it passes.
    private func attempt(environment: [String], now: Int64) async -> String? {
        switch probe {
        case .command(let arguments):
            await ProbeCommand.run(arguments, environment: environment, timeout: timeout)
        case .http(let url):
            LocalRequest.run(url, timeout: timeout)
        case .file(let path, let maximumAge):
            ProbeFile.run(path, maximumAge: maximumAge, now: now)
        }
    }
}
