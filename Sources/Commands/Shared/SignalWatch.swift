internal import ArgumentParser
internal import Glibc
internal import Synchronization

/// SIGHUP, SIGINT and SIGTERM, noted instead of obeyed while plaintext lies where it must be removed first
/// (sigaction(2)).
enum SignalWatch {
    private static let noted = Atomic<Int32>(0)
    private static let isEditing = Atomic<Bool>(false)
    private static let signals = [SIGHUP, SIGINT, SIGTERM]

    /// Notes signals from now on.
    static func begin() {
        noted.store(0, ordering: .relaxed)
        isEditing.store(false, ordering: .relaxed)
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_sigaction = { number, info, _ in
            // Control-C on the terminal goes to the editor as well, for which it means something else.
            let isTyped = unsafe info?.pointee.si_code == 0x80
            guard !(number == SIGINT && isTyped && SignalWatch.isEditing.load(ordering: .relaxed)) else {
                return
            }
            SignalWatch.noted.store(number, ordering: .relaxed)
        }
        action.sa_flags = SA_SIGINFO
        for number in signals where !isIgnored(number) { unsafe sigaction(number, &action, nil) }
    }

    /// Obeys signals again.
    static func end() {
        for number in signals where !isIgnored(number) { signal(number, SIG_DFL) }
    }

    /// Whether it was to be ignored before this process began, as by nohup(1): it stays so.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        let ignoring = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
        return handler == ignoring
    }

    /// The signal that was noted, or nil.
    static var received: Int32? {
        let number = noted.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Throws the exit code of a signal that was noted.
    static func check() throws {
        if let received { throw ExitCode(128 + received) }
    }

    /// Says whether a program that takes Control-C for itself has the terminal.
    static func setEditing(_ value: Bool) { isEditing.store(value, ordering: .relaxed) }
}
