internal import Files
internal import Keyrings
package import Trust

/// By what a keyring out of a commit is known to be the right one (FORMATS 1.3).
package struct KeyringTrust: Sendable {
    /// The fingerprint of the keyring's first generation, where it was given: no other root is taken.
    package let root: Fingerprint?
    /// What was seen before; nil where nothing is remembered.
    package let pins: Pins?

    /// Trust in `root`, or in what `pins` remember, or in both. Throws `unusableRequest` where neither is given:
    /// then any keyring would do.
    package init(root: Fingerprint?, pins: Pins?) throws(DeliveryError) {
        guard root != nil || pins != nil else {
            throw DeliveryError(.unusableRequest, "keyring: neither a fingerprint nor pins to trust by")
        }
        self.root = root
        self.pins = pins
    }

    /// Judges `keyring` of `repository`. `isFollowing` says that the commit is the head of a followed branch: that
    /// has no reason to show an older keyring than before.
    ///
    /// Returns what is to be said to people. On disk: the pin is written where it is new or advanced. Throws
    /// `keyringRefused`.
    func check(
        _ keyring: Keyring, repository: String, isFollowing: Bool
    ) throws(DeliveryError) -> [String] {
        let name = "keyring \(keyring.environment)"
        guard root == nil || root == keyring.root else {
            throw DeliveryError(
                .keyringRefused, "\(name): its root is \(keyring.root), which is not the trusted one")
        }
        guard let pins else { return [] }
        let verdict: Pins.Verdict
        do {
            verdict = try pins.check(keyring.chain, repository: repository, trusting: root)
        } catch {
            throw DeliveryError(.keyringRefused, "\(name): \(error.context)", underlying: error)
        }
        var notices: [String] = []
        switch verdict.outcome {
        case .same, .advanced: break
        case .pinnedNow(let fingerprint):
            if root == nil {
                notices.append("\(name): seen for the first time, pinned its root \(fingerprint)")
            }
        case .olderThanPin:
            guard !isFollowing else {
                throw DeliveryError(
                    .keyringRefused, "\(name): generation \(keyring.generation) is older than one seen before"
                )
            }
            notices.append("\(name): generation \(keyring.generation), older than one seen before")
        case .sibling:
            throw DeliveryError(.keyringRefused, "\(name): parts from the one seen before")
        case .rootMismatch:
            throw DeliveryError(
                .keyringRefused, "\(name): its root is \(keyring.root), which is not the one seen before")
        }
        if let error = verdict.notWritten {
            notices.append("\(name): could not be pinned: \(error.description)")
        }
        return notices
    }
}
