package import Git

/// A source that is pulled and approved together with the delivered one, and not delivered itself: the application's
/// repository beside its configuration's. A run counts for both commits or for neither.
package struct Companion: Sendable {
    /// What is pulled.
    package let source: Source
    /// Which of its commits are approved.
    package let policy: SignaturePolicy
    /// Its last commit that counted.
    package let mark: HighWaterMark?
    /// With what it is fetched.
    package let fetching: FetchOptions

    /// A companion of these values.
    package init(
        source: Source, policy: SignaturePolicy, mark: HighWaterMark? = nil,
        fetching: FetchOptions = FetchOptions()
    ) {
        self.source = source
        self.policy = policy
        self.mark = mark
        self.fetching = fetching
    }
}
