import Dispatch
import Synchronization

/// A connection, and the thread that waits on it: libcurl's calls block, and the tasks of the program have but one
/// thread a core.
private final class HTTPConnection: Sendable {
    private let handle: CurlHandle
    private let queue = DispatchQueue(label: "strongroom.storage.http")

    init() throws(HTTPFailure) { handle = try CurlHandle() }

    func send(_ request: HTTPRequest, _ settings: HTTPSettings) async throws(HTTPFailure) -> HTTPAnswer {
        let stop = StopFlag()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: self.handle.perform(request, settings, stop)) }
            }
        } onCancel: {
            stop.raise()
        }
        return try outcome.get()
    }
}

/// A bounded number of connections to one endpoint. A request takes one that is idle, or a new one, or waits.
final class HTTPConnections: Sendable {
    private struct State {
        var idle: [HTTPConnection] = []
        var madeCount = 0
        var waiting: [CheckedContinuation<HTTPConnection, Never>] = []
    }

    private let settings: HTTPSettings
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int, _ settings: HTTPSettings) throws(HTTPFailure) {
        try Curl.start()
        self.limit = max(1, limit)
        self.settings = settings
    }

    /// Sends a request and returns what comes back, whatever its status.
    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPAnswer {
        guard !Task.isCancelled else { throw HTTPFailure(.cancelled, "cancelled") }
        let connection = try await take()
        defer { give(connection) }
        return try await connection.send(request, settings)
    }

    private func take() async throws(HTTPFailure) -> HTTPConnection {
        let isNew = state.withLock { state in
            guard state.idle.isEmpty, state.madeCount < limit else { return false }
            state.madeCount += 1
            return true
        }
        if isNew {
            do throws(HTTPFailure) {
                return try HTTPConnection()
            } catch {
                state.withLock { $0.madeCount -= 1 }
                throw error
            }
        }
        return await withCheckedContinuation { continuation in
            let idle = state.withLock { state in
                let connection = state.idle.popLast()
                if connection == nil { state.waiting.append(continuation) }
                return connection
            }
            if let idle { continuation.resume(returning: idle) }
        }
    }

    private func give(_ connection: HTTPConnection) {
        let next = state.withLock { state in
            guard state.waiting.isEmpty else { return Optional(state.waiting.removeFirst()) }
            state.idle.append(connection)
            return nil
        }
        next?.resume(returning: connection)
    }
}
