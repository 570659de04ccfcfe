internal import Archives
internal import Assembly
internal import Backups
internal import Delivery
internal import Documents
internal import Encodings
internal import Files
internal import Git
internal import Journal
internal import Keyrings
internal import SSH
internal import Sealing
internal import Settings
internal import Sodium
internal import Storage
internal import Trust

/// An error of a lower floor that knows which exit code it is.
protocol Reportable: Error {
    /// The error as the user meets it.
    var failure: Failure { get }
}

extension Failure {
    /// The failure that `error` is. What no floor declares is a bug and says so.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as any Reportable: self = error.failure
        case is CancellationError: self.init(.inputOutput, "stopped before its end")
        default: self.init(.internalError, "unexpected: \(type(of: error))", hints: ["please report this"])
        }
    }

    /// Does `work` on `subject` (a file, an environment), which every failure then names first.
    static func about<Result: ~Copyable>(_ subject: String, _ work: () throws -> Result) throws(Failure)
        -> Result
    {
        do {
            return try work()
        } catch {
            throw Failure(error).at(subject)
        }
    }
}

extension Failure {
    /// Throws `refused` where every user of the machine can write `file`, which says what is sealed and where things go.
    static func requireNotWritableByAll(_ metadata: FileMetadata, _ file: String) throws(Failure) {
        guard metadata.mode & 0o002 != 0 else { return }
        throw Failure(
            .refused, "\(file): every user of this machine can write to it", hints: ["chmod o-w \(file)"])
    }
}

extension FileError: Reportable {
    var failure: Failure {
        let code: Failure.Code =
            switch self.code {
            case _ where operation == "getentropy(3)": .internalError
            case .exists, .notFound, .invalidName: .usage
            case .isLink, .isDirectory, .notDirectory, .notRegular, .hardLinked, .foreignOwner, .escapes:
                .deliveryFailed
            case .locked, .changed: .locked
            case .limit: .limitExceeded
            case .noSpace, .io, .permission, .readOnly, .notEmpty, .crossesMount, .unsupported, .other:
                .inputOutput
            }
        return Failure(code, description)
    }
}

extension AgeError: Reportable {
    var failure: Failure {
        let code: Failure.Code =
            switch self.code {
            case .header, .armor, .version, .identity: .malformed
            case .noMatch, .hmac, .payload: .cannotDecrypt
            case .limit: .limitExceeded
            case .recipient: .usage
            case .exposed: .refused
            case .interrupted, .unavailable, .unreadable: .inputOutput
            }
        if self.code == .interrupted, let underlying { return Failure(underlying) }
        if self.code == .exposed {
            return Failure(
                code, context,
                hints: [
                    "the file is to be the caller's own with mode 0600, in a directory that only the owner writes to",
                    "--allow-exposed-identity uses it all the same",
                ])
        }
        guard self.code == .unreadable, let cause = underlying as? FileError else {
            return Failure(code, context)
        }
        guard cause.code != .exists else {
            return Failure(.usage, "\(context): exists already and is never overwritten")
        }
        guard cause.code == .notFound else { return Failure(code, cause.description) }
        return Failure(
            .usage, "\(context): no such identity file",
            hints: ["strongroom keys new makes an identity; --identity FILE names another one"])
    }
}

extension KeyringError: Reportable {
    var failure: Failure {
        switch code {
        case .badEnvironmentName, .badMember, .unsupported: Failure(.usage, context)
        case .malformed, .wrongEnvironment: Failure(.malformed, context)
        case .untrusted, .wrongBody, .forged, .cycle, .notAnAdmin: Failure(.refused, context)
        case .noSuchMember, .lastMember, .lastAdmin, .unreachableThreshold, .signedAlready, .noChange:
            Failure(.usage, context)
        case .conflict: Failure(.locked, context)
        case .notAMember:
            Failure(
                .cannotDecrypt, context,
                hints: ["--identity FILE names an identity; a member can add yours to the keyring"])
        case .signing: underlying.map { Failure($0) } ?? Failure(.usage, context)
        }
    }
}

extension TrustError: Reportable {
    var failure: Failure {
        switch code {
        case .malformed: Failure(.malformed, context)
        case .badFingerprint: Failure(.usage, context)
        default: Failure(.refused, context)
        }
    }
}

extension SSHError: Reportable {
    var failure: Failure {
        switch code {
        case .encryptedKey, .unsupportedKeyType, .unsupportedOption: Failure(.usage, context)
        case .malformed: Failure(.malformed, context)
        case .limitExceeded: Failure(.limitExceeded, context)
        default: Failure(.refused, context)
        }
    }
}

extension DocumentError: Reportable {
    var failure: Failure {
        let code: Failure.Code =
            switch self.code {
            case .encoding, .syntax, .duplicateKey: .malformed
            case .limit: .limitExceeded
            case .injection: .cannotDecrypt
            case .unsupported, .unsealable, .path, .notFound, .conflict, .configuration: .usage
            }
        return Failure(code, description)
    }
}

extension SealingError: Reportable {
    // The type has a `Failure` of its own.
    var failure: Commands.Failure {
        let code: Commands.Failure.Code =
            switch self.code {
            case .malformed, .unknownVersion: .malformed
            case .rules, .notSupported, .noMatch, .keyPath, .unsuitableValue, .unsuitablePlace, .movesToken,
                .standsAlready:
                .usage
            case .limitExceeded: .limitExceeded
            case .notAuthentic, .noKey, .foreignStructure: .cannotDecrypt
            case .noRule, .nestedToken, .plaintext: .refused
            case .interrupted: .inputOutput
            }
        if self.code == .interrupted, let underlying { return Commands.Failure(underlying) }
        if self.code == .standsAlready {
            return Commands.Failure(code, context, hints: ["--replace seals a new value in its place"])
        }
        return Commands.Failure(code, context)
    }
}

extension SettingsError: Reportable {
    var failure: Failure { Failure(.usage, line.map { "line \($0): \(context)" } ?? context) }
}

extension GitError: Reportable {
    var failure: Failure {
        let code: Failure.Code =
            switch self.code {
            case .libraryFailed: .internalError
            case .invalidURL, .unsupportedTransport, .invalidName, .invalidObjectID, .repositoryMissing,
                .repositoryExists, .unsupportedRepository, .referenceMissing, .malformedConfiguration:
                .usage
            case .limitExceeded: .limitExceeded
            case .unusableCredential: .usage
            case .authenticationFailed: .cannotDecrypt
            case .serverNotTrusted, .redirectRefused: .refused
            case .ioFailed, .unreachable, .timedOut, .processFailed: .inputOutput
            case .locked: .locked
            case .stoppedByCaller, .library: .inputOutput
            case .damaged, .objectMissing, .wrongObjectType, .malformedCommit, .headerOrder, .duplicateHeader,
                .misplacedParent, .twoSignatures, .foreignSignature, .headerAfterSignature, .malformedTree,
                .invalidMode, .hostileName, .duplicateEntry, .entryOrder, .malformedTag, .malformedBundle,
                .prerequisiteMissing, .brokenPack:
                .malformed
            }
        if self.code == .stoppedByCaller, let underlying { return Failure(underlying) }
        return Failure(code, context)
    }
}

extension StorageError: Reportable {
    var failure: Failure {
        let code: Failure.Code =
            switch self.code {
            case .notFound, .exists, .invalidName, .bucketMissing, .invalidLocation, .unsupported: .usage
            case .limit: .limitExceeded
            case .truncated, .notAnObject: .damaged
            case .credentials: .cannotDecrypt
            case .untrusted, .redirected, .clockSkew: .refused
            case .noSpace, .io, .permission, .unreachable, .busy, .invalidAnswer, .cancelled: .inputOutput
            }
        // A reason is the cause, then what to do: "…; check the endpoint and the network".
        guard let reason, let cut = reason.ranges(of: "; ").last else { return Failure(code, description) }
        return Failure(
            code, "\(name): \(reason[..<cut.lowerBound])", hints: [String(reason[cut.upperBound...])])
    }
}

extension ArchiveError: Reportable {
    var failure: Failure {
        switch code {
        case .damaged, .absent:
            Failure(
                .damaged,
                [context, (underlying as? EncodingError)?.context].compactMap { $0 }.joined(separator: ": "),
                hints: [damageHint])
        case .forged, .foreign: Failure(.refused, context)
        case .rolledBack:
            Failure(
                .refused, context,
                hints: [
                    "bring back what is missing from a copy of the store; "
                        + "--acknowledge-rollback goes on with what is there"
                ])
        case .pinned:
            Failure(.refused, context, hints: ["strongroom snapshots unpin SNAPSHOT lets it go"])
        case .clockSkew where context.hasPrefix("snapshots/"):
            Failure(
                .refused, context,
                hints: [
                    "where its time is wrong: strongroom snapshots forget \(context.dropFirst(10).prefix(12)); "
                        + "where this machine's is: set it right"
                ])
        case .clockSkew:
            underlying.map { Failure($0).at(context) } ?? Failure(.refused, context)
        case .busy, .overtaken: Failure(.locked, context)
        case .notForThisKey, .keyNeeded: Failure(.cannotDecrypt, context)
        case .refused where context.contains("enrolled"):
            Failure(
                .refused, context,
                hints: ["strongroom store keys enrol NAME=KEY enrols it; keys show prints the key"])
        case .unsupported, .refused: Failure(.usage, context)
        case .limitExceeded: Failure(.limitExceeded, context)
        case .conflict: Failure(.locked, context)
        case .storage, .source, .consumer:
            underlying.map { Failure($0).at(context) } ?? Failure(.inputOutput, context)
        case .invalid: Failure(.internalError, context)
        // What failed it says what it was.
        case .sessionFailed: (underlying as? ArchiveError)?.failure ?? Failure(.inputOutput, context)
        case .cancelled: Failure(.inputOutput, context)
        }
    }
}

extension ArchiveError {
    /// What to do about an object that is damaged or missing.
    private var damageHint: String {
        let begins = { (places: [String]) in places.contains { context.hasPrefix($0) } }
        if begins(["no store here"]) {
            return "name the directory or bucket and prefix of a store; strongroom store init makes a new one"
        }
        if begins(["keys", "config", "snapshot", "annotations/", "tombstones/"]) {
            return
                "strongroom store check says what is affected; nothing of the store makes it anew: bring it back from "
                + "a replica (strongroom store copy --verify REPLICA STORE) or another copy"
        }
        return
            "strongroom store check says what is affected; strongroom store rebuild-index makes a lost index anew"
    }
}

extension JournalError: Reportable {
    var failure: Failure {
        switch code {
        case .cannotOpen, .newerVersion: Failure(.usage, context)
        case .damaged: Failure(.damaged, context)
        case .busy: Failure(.locked, context)
        case .noSpace, .io: Failure(.inputOutput, context)
        case .malformedRecord: Failure(.internalError, context)
        }
    }
}

extension ServiceError: Reportable {
    var failure: Failure {
        switch code {
        case .locked: Failure(.locked, context)
        case .socket: Failure(.inputOutput, context)
        case .needsRestart: Failure(.usage, context)
        case .restoreCutOff:
            Failure(
                .locked, context,
                hints: [
                    "strongroom restore --in-place --environment ENV --undo takes it back, or ends it where all was done; "
                        + "so does the next restore in place, before anything else"
                ])
        case .noSnapshot: Failure.withoutSnapshot(underlying.map { Failure($0) }, context)
        }
    }
}

extension Failure {
    fileprivate static func withoutSnapshot(_ cause: Failure?, _ context: String) -> Failure {
        let cause = cause?.at("no snapshot before the change") ?? Failure(.deliveryFailed, context)
        return Failure(
            cause.code, cause.message,
            hints: cause.hints + ["--without-snapshot of sync and rollback goes on without one, this once"])
    }
}

extension SodiumError: Reportable {
    var failure: Failure { Failure(.internalError, "cryptography is not available: \(context)") }
}

extension EncodingError: Reportable {
    var failure: Failure { Failure(.malformed, context) }
}

extension DeliveryError: Reportable {
    var failure: Failure {
        switch category {
        case .configuration: Failure(.usage, context)
        case .malformed: Failure(.malformed, context)
        case .cannotOpen: Failure(.cannotDecrypt, context)
        case .refused where code == .nonFastForward:
            Failure(
                .refused, context,
                hints: [
                    "where the branch was set back or rewritten on purpose: sync --allow-rollback COMMIT --reason TEXT"
                ])
        case .refused:
            // Why a file can't be read is what its reader says.
            Failure(
                .refused, context + ((underlying as? Failure).map { ": \($0.message)" } ?? ""),
                hints: (underlying as? Failure)?.hints ?? [])
        case .target where code == .stoppedByHook:
            underlying.map { Failure($0).at(context) } ?? Failure(.deliveryFailed, context)
        case .target: Failure(.deliveryFailed, context)
        case .io: Failure(.inputOutput, context)
        case .locked where code == .suspended:
            Failure(.locked, context, hints: ["strongroom resume takes care of the environment again"])
        case .locked: Failure(.locked, context)
        case .limit: Failure(.limitExceeded, context)
        }
    }
}

extension BackupError: Reportable {
    var failure: Failure {
        let failure = cause
        guard let left else { return failure }
        return Failure(
            failure.code, failure.message,
            hints: failure.hints + [
                "\(left) has what was restored so far: the same call goes on with it, removing it gives the room back"
            ])
    }

    private var cause: Failure {
        switch code {
        case .store, .files, .git, .caller: underlying.map { Failure($0) } ?? Failure(.inputOutput, context)
        case .busy: Failure(.locked, context)
        case .notWhole: Failure(.partial, context)
        default:
            Failure(.usage, context, hints: candidates.prefix(5).map(\.candidateWords))
        }
    }
}
