internal import Git

extension DeliveryError {
    /// What Git said of `source`.
    init(git error: GitError, _ source: Source) {
        if error.code == .stoppedByCaller, let cause = error.underlying as? DeliveryError {
            self = cause
            return
        }
        let code: Code =
            switch error.code {
            case .invalidURL, .unsupportedTransport, .invalidName, .invalidObjectID, .repositoryExists:
                .unusableRequest
            case .repositoryMissing, .referenceMissing: .sourceMissing
            case .unsupportedRepository: .notSupported
            case .limitExceeded: .limitExceeded
            case .unreachable, .timedOut, .processFailed: .sourceUnreachable
            case .serverNotTrusted, .redirectRefused: .sourceNotTrusted
            case .authenticationFailed: .sourceRefused
            case .unusableCredential: .unusableRequest
            case .locked: .locked
            case .ioFailed, .libraryFailed, .library, .stoppedByCaller, .malformedConfiguration: .io
            case .damaged, .objectMissing, .wrongObjectType, .malformedCommit, .headerOrder, .duplicateHeader,
                .misplacedParent, .twoSignatures, .foreignSignature, .headerAfterSignature, .malformedTree,
                .invalidMode, .hostileName, .duplicateEntry, .entryOrder, .malformedTag, .malformedBundle,
                .prerequisiteMissing, .brokenPack:
                .malformedSource
            }
        self.init(code, "source \(source.name): \(error.context)", underlying: error)
    }

    /// Whether bytes in a mirror are not those that were written: a mirror made anew may have them.
    var isDamage: Bool {
        var cause = underlying
        while let error = cause {
            switch error {
            case let error as GitError:
                if [.damaged, .objectMissing].contains(error.code) { return true }
                cause = error.underlying
            case let error as DeliveryError: cause = error.underlying
            default: return false
            }
        }
        return false
    }
}
