/// What `doctor` says about one thing.
struct Diagnosis: Encodable {
    /// How much it matters.
    enum Level: String, Encodable {
        /// As it should be.
        case good
        /// Works, and could be better.
        case advice
        /// Does not work, or is not safe.
        case problem
    }

    /// How much it matters.
    let level: Level
    /// What it is about: a file, an environment, a setting.
    let subject: String
    /// What was found.
    let finding: String
    /// What to do; nil where there is nothing to do.
    let remedy: String?

    /// As it should be.
    static func good(_ subject: String, _ finding: String) -> Diagnosis {
        Diagnosis(level: .good, subject: subject, finding: finding, remedy: nil)
    }

    /// Works, and could be better.
    static func advice(_ subject: String, _ finding: String, _ remedy: String) -> Diagnosis {
        Diagnosis(level: .advice, subject: subject, finding: finding, remedy: remedy)
    }

    /// Does not work, or is not safe.
    static func problem(_ subject: String, _ finding: String, _ remedy: String? = nil) -> Diagnosis {
        Diagnosis(level: .problem, subject: subject, finding: finding, remedy: remedy)
    }

    /// What became of a failure.
    static func problem(_ subject: String, _ error: any Error) -> Diagnosis {
        let failure = Failure(error)
        return problem(subject, failure.message, failure.hints.first)
    }

    /// The lines that people read.
    var lines: [String] {
        let mark =
            switch level {
            case .good: "ok      "
            case .advice: "advice  "
            case .problem: "problem "
            }
        return ["\(mark)\(subject): \(finding)"] + (remedy.map { ["        \($0)"] } ?? [])
    }
}
