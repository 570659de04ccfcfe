/// A look at what else changes live state beside its owners, restores in place: what a backup needs to know to call what it
/// captured one moment's.
package struct LiveMoment: Sendable, Equatable {
    /// Differs from look to look where live state was brought back in between.
    package let mark: String
    /// Why live state is of two moments now; nil where it is of one.
    package let disturbance: String?

    /// A look.
    package init(mark: String, disturbance: String? = nil) {
        self.mark = mark
        self.disturbance = disturbance
    }

    /// Why what was captured between this look and `later` is not of one moment; nil where it is.
    func disturbance(until later: LiveMoment) -> String? {
        if let disturbance = disturbance ?? later.disturbance { return disturbance }
        return mark == later.mark ? nil : "a restore in place went on while the snapshot was taken"
    }
}
