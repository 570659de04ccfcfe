internal import Assembly
internal import Encodings

/// The state of environments in words: a table with a line for each, and below it whatever needs somebody, with what
/// to do about it. Made to be read at three in the morning.
struct StatusReport {
    private let document: StatusDocument
    private let now: Timestamp

    /// A report of `document` as things are at `now`.
    init(_ document: StatusDocument, at now: Timestamp) {
        self.document = document
        self.now = now
    }

    /// Prints everything. With `isWhole`, what there is to say of environments that are well, too.
    func print(isWhole: Bool) {
        printService()
        let environments = document.environments
        Console.table(
            ["ENVIRONMENT", "STATE", "WANTED", "APPLIED", "HEALTH", "DRIFT", "SYNCED", "SNAPSHOT", "DRILL"],
            environments.map(row))
        for environment in environments where isWhole || !environment.isWell {
            Console.print("")
            Console.print("\(environment.name): \(environment.state.rawValue)")
            for (name, text) in facts(environment) {
                Console.print("  \(name)\(String(repeating: " ", count: max(0, 10 - name.count)))\(text)")
            }
        }
        guard !isWhole, !environments.isEmpty, environments.allSatisfy(\.isWell) else { return }
        Console.print("")
        Console.print("all is well")
    }

    private func printService() {
        if let service = document.service {
            Console.print(
                "the service runs since \(ago(service.since)) (process \(service.process), \(service.version))"
            )
        } else {
            Console.print("NO SERVICE ANSWERS; this is what the journal says:")
        }
        Console.print("")
    }

    private func row(_ environment: EnvironmentStatus) -> [String] {
        [
            environment.name, environment.isWell ? "ok" : environment.state.rawValue.uppercased(),
            short(environment.wanted?.commit), short(environment.applied?.commit),
            environment.health == "unchecked" ? "-" : environment.health,
            environment.drift.isEmpty
                ? environment.lastLook == nil ? "-" : "none" : "\(environment.drift.count)",
            environment.lastSync.map { age($0.time) } ?? "never",
            environment.lastSnapshot.map {
                "\(age($0.time))\($0.status == "complete" ? "" : " \($0.status)")"
            }
                ?? "none",
            (environment.lastDrill.map { "\(age($0.time)) \($0.outcome)" } ?? "none")
                + (environment.drillTrouble?.kind == .overdue ? " OVERDUE" : ""),
        ]
    }

    // MARK: - One environment

    private func facts(_ environment: EnvironmentStatus) -> [(String, String)] {
        var facts: [(String, String)] = []
        if let reason = environment.whyNot { facts.append(("why", reason)) }
        for line in advice(environment) { facts.append(("to do", line)) }
        if let trouble = environment.drillTrouble {
            // Said of what is in a worse state as well.
            if environment.whyNot != trouble.reason { facts.append(("unproven", trouble.reason)) }
            facts.append(("to do", trouble.advice))
        }
        facts.append(
            ("wanted", environment.wanted.map { "\($0.commit), seen \(ago($0.time))" } ?? "not seen yet"))
        facts.append(
            ("applied", environment.applied.map { "\($0.commit), since \(ago($0.time))" } ?? "none yet"))
        for companion in environment.companions {
            let wanted = companion.wanted?.commit ?? "not seen yet"
            let applied = companion.applied?.commit ?? "none yet"
            facts.append(
                (
                    companion.source,
                    wanted == applied ? applied : "applied with it: \(applied); it shows: \(wanted)"
                ))
        }
        let asked = environment.healthTime.map { ", asked \(ago($0))" } ?? ""
        let ailment = environment.ailment.map { ": \($0)" } ?? ""
        facts.append(("health", environment.health + ailment + asked))
        facts += drift(environment)
        for order in environment.quarantined {
            facts.append(
                ("not again", "\(order.commit ?? ""), since \(ago(order.time)): \(order.reason)"))
        }
        if let sync = environment.lastSync {
            let often = sync.runs > 1 ? ", \(sync.runs) times since \(ago(sync.since))" : ""
            facts.append(("synced", "\(ago(sync.time)): \(sync.outcome)\(often)"))
        }
        facts.append(
            (
                "snapshot",
                environment.lastSnapshot.map {
                    "\(ago($0.time)): \($0.status), \($0.id.prefix(12)) in \($0.store)"
                }
                    ?? "none yet"
            ))
        facts.append(("drill", drill(environment)))
        for loop in document.service?.loops ?? [] where loop.environment == environment.name {
            facts.append(("now", doing(loop)))
        }
        return facts
    }

    private func drift(_ environment: EnvironmentStatus) -> [(String, String)] {
        guard !environment.drift.isEmpty else {
            return [
                ("drift", environment.lastLook.map { "none, looked \(ago($0.time))" } ?? "not looked at yet")
            ]
        }
        return environment.drift.map { item in
            let evidence = item.evidence.isEmpty ? "" : " (\(item.evidence))"
            return (
                "drift",
                "\(item.kind) \(DriftPlace.words(item.target, item.path))\(evidence), since \(ago(item.since))"
            )
        }
    }

    private func drill(_ environment: EnvironmentStatus) -> String {
        var words = environment.lastDrill.map { "\(ago($0.time)): \($0.outcome)" } ?? "none yet"
        if let trouble = environment.drillTrouble {
            words +=
                trouble.kind == .failed
                ? ", since \(ago(trouble.since))" : ", overdue since \(ago(trouble.since))"
            words +=
                trouble.lastPassed.map { "; the last that passed: \(ago($0))" } ?? "; none has passed yet"
        }
        return words
    }

    private func doing(_ loop: StatusDocument.Loop) -> String {
        var words = [loop.doing]
        if let next = loop.nextSync { words.append("next sync \(ahead(next))") }
        if let next = loop.nextBackup { words.append("next snapshot \(ahead(next))") }
        if let next = loop.nextDrill { words.append("next drill \(ahead(next))") }
        if loop.failures > 0 { words.append("\(loop.failures) failed in a row") }
        return words.joined(separator: ", ")
    }

    /// What somebody can do about it.
    private func advice(_ environment: EnvironmentStatus) -> [String] {
        let name = environment.name
        switch environment.state {
        case .ok, .restoring: return []
        case .interrupted:
            let ends = environment.restore?.phase == .done ? "ends it" : "takes it back"
            return [
                "strongroom restore --in-place --environment \(name) --undo \(ends)",
                "or restore in place again, which does that first",
            ]
        case .suspended: return ["strongroom resume \(name), when it is to go on"]
        case .held: return ["strongroom resume \(name), to follow the source again"]
        case .quarantined:
            return [
                "commit a better one: it is delivered by itself; strongroom resume \(name) has this one tried again"
            ]
        case .refused: return ["what stands is as it was; look who made the commit, and sign or revert it"]
        case .failed: return ["what stands is as it was; strongroom sync \(name) --once says more"]
        case .unhealthy:
            return environment.held == nil ? ["strongroom rollback \(name), where a commit is to blame"] : []
        case .drifted: return ["strongroom sync \(name) --once puts everything back"]
        case .unsaved: return ["strongroom backup \(name) says more"]
        case .unproven: return []
        case .new:
            return document.service == nil ? ["strongroom sync \(name) --once, or strongroom serve"] : []
        }
    }

    // MARK: - Times

    /// How long ago, short.
    private func age(_ time: String) -> String {
        guard let moment = try? Timestamp(rfc3339: time) else { return "?" }
        return StatusReport.words(now.seconds - moment.seconds)
    }

    private func ago(_ time: String) -> String {
        let second = time.contains(".") ? "\(time.prefix(19))Z" : time
        return "\(second) (\(age(time)) ago)"
    }

    private func ahead(_ time: String) -> String {
        guard let moment = try? Timestamp(rfc3339: time) else { return "?" }
        return "in \(StatusReport.words(moment.seconds - now.seconds))"
    }

    /// Seconds in the largest unit that leaves at least two.
    static func words(_ seconds: Int64) -> String {
        let seconds = max(0, seconds)
        for (unit, length): (String, Int64) in [("d", 86_400), ("h", 3_600), ("m", 60)]
        where seconds >= 2 * length {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }

    private func short(_ commit: String?) -> String { commit.map { String($0.prefix(10)) } ?? "-" }
}
