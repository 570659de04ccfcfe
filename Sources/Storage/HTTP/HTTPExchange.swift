/// What a request asks of HTTP.
enum HTTPMethod: String {
    case get = "GET"
    case head = "HEAD"
    case put = "PUT"
    case post = "POST"
    case delete = "DELETE"
}

/// A request, ready to be sent.
struct HTTPRequest {
    let method: HTTPMethod
    /// The whole URL, encoded.
    let url: String
    /// Headers, `host` among them.
    let headers: [HTTPHeader]
    /// What is sent along; not copied.
    let body: ArraySlice<UInt8>
    /// The longest body of an answer that says success.
    let answerLimit: Int
    /// The longest time for all of it.
    let deadline: Duration
}

/// An answer, whole and of the length that it gave itself.
struct HTTPAnswer {
    let status: Int
    /// Values by lower-case names; of several headers of one name the last.
    let headers: [String: String]
    let body: [UInt8]
}

/// Why there is no answer.
struct HTTPFailure: Error {
    enum Kind {
        /// No connection.
        case unreachable
        /// A connection that broke, or an answer that ended early.
        case cut
        /// Too slow.
        case timedOut
        /// A certificate that is not trusted.
        case untrusted
        /// A body beyond `answerLimit`.
        case tooLarge
        /// Not HTTP, or an answer whose end nothing marks.
        case malformed
        /// The caller's task was cancelled.
        case cancelled
        /// libcurl can't do it.
        case library
    }

    let kind: Kind
    /// libcurl's words, printable ASCII.
    let text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
