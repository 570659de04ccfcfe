import Glibc

/// The one place where a system call's result is judged.
enum SystemCall {
    /// Makes `call`, again while it is interrupted (EINTR), and returns what it returns. Throws where that is
    /// negative. Never used for close(2), which must not be repeated.
    @discardableResult
    static func run<Value: SignedInteger>(
        _ operation: StaticString, _ path: @autoclosure () -> Path, _ call: () -> Value
    ) throws(FileError) -> Value {
        while true {
            let value = call()
            guard value < 0 else { return value }
            let number = errno
            guard number == EINTR else { throw FileError(errno: number, operation, path()) }
        }
    }
}
