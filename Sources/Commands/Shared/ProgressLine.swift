internal import Synchronization

/// How far a verb that takes its time is, on standard error: on a terminal one line that is written over, elsewhere a line
/// every ten seconds, and none for what is done sooner.
final class ProgressLine: Sendable {
    private struct State {
        var next: ContinuousClock.Instant
        var isShown = false
    }

    private let isTerminal = Console.isErrorTerminal
    private let pause: Duration
    private let state: Mutex<State>

    /// A line that shows nothing yet.
    init() {
        pause = isTerminal ? .milliseconds(200) : .seconds(10)
        state = Mutex(State(next: .now + pause))
    }

    /// Shows `text`, where it is time for that.
    func show(_ text: @autoclosure () -> String) {
        let isDue = state.withLock { state in
            guard ContinuousClock.now >= state.next else { return false }
            state.next = .now + pause
            state.isShown = true
            return true
        }
        guard isDue else { return }
        if isTerminal {
            Console.overwrite(String(text().prefix(79)))
        } else {
            Console.note("strongroom: \(text())")
        }
    }

    /// Makes room for other lines.
    func end() {
        let wasShown = state.withLock { state in
            defer { state.isShown = false }
            return state.isShown
        }
        if isTerminal, wasShown { Console.overwrite("") }
    }
}
