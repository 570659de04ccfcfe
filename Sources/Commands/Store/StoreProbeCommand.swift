internal import ArgumentParser
internal import Assembly
internal import Storage

/// `strongroom store probe`: whether a place behaves as stores rely on it.
struct StoreProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Find out whether a directory or bucket keeps what stores rely on.",
        discussion: """
            Puts a few objects below probe/, looks how the place behaves, and removes them; at most 6 MB, and no store \
            has to be there. Findings go to standard output; the exit code is 5 where something that stores rely on does \
            not hold. What a bucket with versions or object lock keeps of removed objects stays.
            """)

    @Argument(help: ArgumentHelp("The place: a directory, or s3://bucket/prefix.", valueName: "store"))
    var location: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        var store = store
        if let location { store.store = location }
        let place = try store.choose().place
        let report = await StoreProbe(try place.objects()) { Process.now }.run()
        if let failure = report.failure { throw failure }
        // Without the condition a put looks first, where the settings say so.
        let needsSetting = report.needsUnconditionalPuts && place.usesConditionalPuts
        let isUsable = report.isUsable && !needsSetting
        if json {
            try Console.json(ProbeDocument(place, report, isUsable: isUsable))
        } else {
            Console.table(
                ["CHECK", "OUTCOME", "DETAIL"],
                report.findings.map { [$0.check.rawValue, $0.outcome.rawValue, $0.detail] })
        }
        guard !isUsable else { return }
        let failing = report.findings.filter { finding in
            finding.isRequired
                ? finding.outcome != .holds
                : needsSetting && finding.outcome == .fails
                    && [.putOnce, .putOnceInParts].contains(finding.check)
        }
        throw Failure(
            .refused,
            "\(place.name): not a place for a store: \(failing.map(\.check.rawValue).joined(separator: ", "))",
            hints: needsSetting
                ? ["'conditionalPuts: false' of the store's settings has puts look first"] : [])
    }
}

/// The findings of a probe as JSON.
private struct ProbeDocument: Encodable {
    struct Finding: Encodable {
        let check: String
        let outcome: String
        let required: Bool
        let detail: String
    }
    let place: String
    let usable: Bool
    let findings: [Finding]

    init(_ place: StorePlace, _ report: ProbeReport, isUsable: Bool) {
        self.place = place.name
        usable = isUsable
        findings = report.findings.map {
            Finding(
                check: $0.check.rawValue, outcome: $0.outcome.rawValue, required: $0.isRequired,
                detail: $0.detail)
        }
    }
}
