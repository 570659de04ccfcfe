internal import Delivery
internal import Encodings
internal import Files
internal import Git
internal import Journal
internal import Settings

/// One run of a sync: what its poll found, judged, recorded and, where it must be, taken back.
struct SyncRun {
    private let sync: EnvironmentSync
    private let parts: SyncParts
    private let reconciliation: Reconciliation
    private let now: Timestamp
    private let mode: EnvironmentSync.Mode
    private let isHeld: Bool
    /// Whether the journal knows how the run ended.
    private(set) var isRecorded = false
    /// Whether the source is not followed now: what is in place then says nothing about it.
    private var isAway = false

    init(
        _ sync: EnvironmentSync, _ parts: SyncParts, _ reconciliation: Reconciliation, _ now: Timestamp,
        _ mode: EnvironmentSync.Mode, isHeld: Bool
    ) {
        self.sync = sync
        self.parts = parts
        self.reconciliation = reconciliation
        self.now = now
        self.mode = mode
        self.isHeld = isHeld
    }

    private var name: String { sync.name }
    private var journal: JournalFile { parts.journal }

    /// The commit of this environment that was applied and healthy last.
    private func lastGood() throws -> String? {
        try journal.lastApplied(environment: name)[reconciliation.source.name]?.commit
    }

    /// Runs, and says what became of it.
    mutating func report() async throws -> EnvironmentSync.Report {
        do {
            return try await follow()
        } catch let error as DeliveryError {
            guard case .poll = mode, error.isOfSource, !isRecorded, let good = try lastGood() else {
                throw error
            }
            return try await stay(at: good, error)
        }
    }

    /// Sees to what was approved before, out of the mirror: the source can't be followed because of `error`.
    private mutating func stay(
        at good: String, _ error: DeliveryError
    ) async throws -> EnvironmentSync.Report {
        var report = EnvironmentSync.Report(commit: good, source: reconciliation.source.name)
        isAway = true
        do {
            let other = try sync.reconciliation(parts, at: good, now, isRecalling: true)
            report = try await settle(try await other.poll(at: now, polling), other, note: nil)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            report.isStanding = false
        }
        isAway = false
        try record(error)
        report.failure = error
        return report
    }

    private mutating func follow() async throws -> EnvironmentSync.Report {
        let source = reconciliation.source
        let quarantined =
            isHeld ? [] : try journal.quarantine(environment: name, source: source.name).map(\.commit)
        var polling = self.polling
        polling.quarantined = Set(try quarantined.map { try ObjectID(hex: $0) })
        let outcome = try await reconciliation.poll(at: now, polling)
        guard case .quarantined(let head) = outcome else {
            return try await settle(outcome, reconciliation, note: nil)
        }
        let reason =
            try journal.quarantined(head.hex, environment: name, source: source.name)?.reason ?? ""
        let words = "commit \(head.hex) is quarantined: \(reason)"
        guard let good = try lastGood(), good != head.hex else {
            throw DeliveryError(.unhealthy, "\(name): \(words); there is no other to stay at")
        }
        let other = try sync.reconciliation(parts, at: good, now)
        var report = try await settle(try await other.poll(at: now, self.polling), other, note: words)
        report.whyNot = words
        return report
    }

    private var polling: Reconciliation.Polling {
        guard case .poll(let looking) = mode else { return .init(opensAlways: true) }
        let drift = sync.request.environment.drift
        let isOpen =
            drift.windows.isEmpty || drift.windows.contains { $0.contains(now, in: sync.request.zone) }
        return .init(looksForDrift: looking, heals: drift.mode.heals && isOpen)
    }

    // MARK: - What was found

    private mutating func settle(
        _ outcome: Reconciliation.PollOutcome, _ used: Reconciliation, note: String?
    ) async throws -> EnvironmentSync.Report {
        var report = EnvironmentSync.Report(commit: "", source: used.source.name)
        switch outcome {
        case .standing(let commit):
            report.commit = commit.hex
            try await stand(commit.hex, used, note, isLooking: false, &report)
        case .looked(let commit, let drift):
            report.commit = commit.hex
            try tell(drift, isHealed: false, &report)
            try await stand(commit.hex, used, note, isLooking: true, &report)
        case .delivered(let receipts, let closed, let drift):
            report.companions = parts.approvals.companions
            _ = try journal.noteClosed(closed, environment: name, at: now)
            report.commit = receipts.first?.commit.hex ?? ""
            report.notices = distinct(receipts.flatMap(\.notices)) + sync.leftOut
            report.results = receipts.map { receipt in
                EnvironmentSync.Result(
                    target: receipt.target, isChange: receipt.outcome == .applied,
                    summary: receipt.summary)
            }
            if !drift.isEmpty { try tell(drift, isHealed: true, &report) }
            try clearDrift()
            let summary = [note, receipts.map(\.summary).joined(separator: "; ")].compactMap { $0 }
            try await judge(used, summary.joined(separator: "; "), &report)
        case .quarantined(let commit):
            // Only a hold of a commit that is quarantined as well: the hold decides.
            throw DeliveryError(.unhealthy, "\(name): commit \(commit.hex) is quarantined")
        }
        return report
    }

    /// What is in place needs no change; it counts as applied when it is healthy.
    private mutating func stand(
        _ commit: String, _ used: Reconciliation, _ note: String?, isLooking: Bool,
        _ report: inout EnvironmentSync.Report
    ) async throws {
        guard try lastGood() == commit else {
            // Delivered and not judged yet, or found wanting: a run was stopped in between.
            return try await judge(used, note ?? "in place", &report)
        }
        if isLooking { report.ailments = try await examine(commit, isRetrying: false) }
        try record(.unchanged, commit, note ?? "in place", used)
    }

    /// A delivery is good when its health check passes; else the last good commit is delivered in its place.
    private mutating func judge(
        _ used: Reconciliation, _ summary: String, _ report: inout EnvironmentSync.Report
    ) async throws {
        let commit = report.commit
        let good = try lastGood()
        let known = try journal.health(environment: name)
        let isKnownBad = known.map { !$0.isHealthy && $0.commit == commit } ?? false
        var ailments: [String] = []
        if report.isChange || good != commit {
            ailments = try await examine(commit, isRetrying: report.isChange || !isKnownBad)
        }
        report.ailments = ailments
        guard !ailments.isEmpty else {
            return try record(report.isChange ? .applied : .unchanged, commit, summary, used)
        }
        let words = ailments.joined(separator: "; ")
        try record(.unhealthy, commit, words, used)
        guard let good, good != commit, !isHeld, used.source.isFollowing else {
            throw DeliveryError(.unhealthy, "\(name): \(words)")
        }
        try await goBack(from: commit, to: good, words, &report)
    }

    /// Quarantines `commit` and delivers `good`.
    private mutating func goBack(
        from commit: String, to good: String, _ words: String, _ report: inout EnvironmentSync.Report
    ) async throws {
        let source = reconciliation.source.name
        let reason = "health check: \(words)".limited
        for (kind, fields) in [
            (AuditEvent.Kind.quarantine, ["commit": commit]),
            (.rollback, ["commit": good, "from": commit]),
        ] {
            let facts = ["environment": name, "source": source, "by": sync.request.author, "reason": reason]
            try parts.audit.append(AuditEvent(kind, facts.merging(fields) { $1 }), at: now)
        }
        try journal.quarantine(commit, environment: name, source: source, at: now, reason: reason)
        let other = try sync.reconciliation(parts, at: good, now, isReturning: true)
        let receipts: [Receipt]
        do throws(DeliveryError) {
            receipts = try await other.run(at: now)
        } catch {
            throw DeliveryError(
                error.code, "\(name): \(words); could not go back to \(good): \(error.context)",
                underlying: error)
        }
        report.commit = good
        report.wentBack = true
        report.whyNot = "commit \(commit) is quarantined: \(reason)"
        report.results = receipts.map { receipt in
            EnvironmentSync.Result(
                target: receipt.target, isChange: true, summary: receipt.summary)
        }
        try record(.applied, good, "went back from \(commit): \(words)", other)
        let ailments = try await examine(good, isRetrying: true)
        report.ailments = ailments
        guard ailments.isEmpty else {
            throw DeliveryError(
                .unhealthy,
                "\(name): went back from \(commit) to \(good), which is not healthy either: "
                    + ailments.joined(separator: "; "))
        }
    }

    // MARK: - Health and drift

    /// Runs the health checks and keeps their verdict: what failed.
    private func examine(_ commit: String, isRetrying: Bool) async throws -> [String] {
        let checks = try sync.request.environment.health.map { try HealthCheck($0) }
        guard !checks.isEmpty else { return [] }
        let verdict = await HealthCheck.run(
            checks, isRetrying: isRetrying, environment: SyncRun.environment, now: WallClock.seconds)
        try Task.checkCancellation()
        try journal.setHealth(
            verdict.isHealthy, commit: commit, environment: name, at: now,
            message: verdict.failures.joined(separator: "; "))
        return verdict.failures
    }

    /// What health checks' programs find in their environment.
    private static let environment = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
    ]

    private func tell(
        _ drift: [Drift], isHealed: Bool, _ report: inout EnvironmentSync.Report
    ) throws {
        let records = drift.map { item in
            DriftRecord(
                target: item.target.description, path: item.path.description, kind: item.kind.rawValue,
                evidence: item.evidence, since: now)
        }
        let fresh = try journal.setDrift(records, environment: name, at: now)
        func words(_ record: DriftRecord) -> String {
            let evidence = record.evidence.isEmpty ? "" : " (\(record.evidence))"
            return "\(record.kind) \(DriftPlace.words(record.target, record.path))\(evidence)"
        }
        report.drift = records.map(words)
        report.freshDrift = fresh.map(words)
        report.isHealed = isHealed
        let message =
            records.isEmpty
            ? "" : "\(records.count) \(records.count == 1 ? "path differs" : "paths differ")"
        try journal.record(
            RunRecord(
                environment: name, kind: isHealed ? .heal : .drift, time: now,
                outcome: records.isEmpty || isHealed ? .good : .bad, message: message))
    }

    private func distinct(_ words: [String]) -> [String] {
        var seen: Set<String> = []
        return words.filter { seen.insert($0).inserted }
    }

    private func clearDrift() throws {
        _ = try journal.setDrift([], environment: name, at: now)
    }

    // MARK: - The journal

    /// Keeps that the run ended with `error`.
    mutating func record(_ error: DeliveryError) throws {
        let words =
            switch error.underlying {
            case let cause as JournalError: cause.description
            case let cause as ServiceError: "\(error.context): \(cause.context)"
            default: error.context
            }
        try record(error.category == .refused ? .refused : .failed, nil, words)
    }

    /// Keeps how the run ended, for the commit and ref of `used`; by default of what was asked for.
    mutating func record(
        _ outcome: SyncRecord.Outcome, _ commit: String?, _ message: String, _ used: Reconciliation? = nil
    ) throws {
        guard !isAway else { return }
        isRecorded = true
        let source = (used ?? reconciliation).source
        var syncs = [
            (
                sync: SyncRecord(
                    environment: name, source: source.name, url: source.location.description, ref: source.ref,
                    commit: commit, time: now, outcome: outcome, message: message),
                isMarking: source.isFollowing
            )
        ]
        if commit != nil {
            syncs[0].sync.tag = parts.approvals.tag
            syncs += parts.approvals.records(name, now, outcome)
        }
        try journal.record(syncs)
    }
}

extension HealthCheck {
    /// The check that `settings` describe. Throws `unusableRequest` for a URL of another machine.
    init(_ settings: HealthSettings) throws {
        let probe: Probe =
            switch settings.probe {
            case .command(let arguments): .command(arguments)
            case .http(let url): .http(try LocalURL(url))
            case .file(let path, let age): .file(path: path, maximumAge: age)
            }
        self.init(
            probe, timeout: .seconds(settings.timeoutSeconds), retryCount: settings.retryCount,
            interval: .seconds(settings.intervalSeconds))
    }
}
