internal import Documents
internal import Encodings
internal import Sodium

/// The values of tokens that stand in base64 under a Secret's `data`, opened, in base64 again and in double quotes: what
/// takes the tokens' place whatever the values look like.
struct WrappedValues: ~Copyable {
    /// Where each value will lie, by its index in the document.
    private(set) var ranges: [Int: Range<Int>] = [:]
    /// Why a value did not open.
    private(set) var errors: [Int: SealingError] = [:]
    /// The bytes of all values together.
    private(set) var byteCount = 0
    private var values: [Value] = []

    /// A value in an array, which holds nothing that can't be copied.
    private final class Value {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    /// Opens the tokens at `indices` of `placed`.
    init(_ indices: [Int], _ opener: DocumentOpener, _ placed: PlacedDocument) {
        for index in indices {
            do throws(SealingError) {
                let value = try opener.openedValue(at: index, in: placed)
                let count = Base64.standard.encodedCount(value.byteCount) + 2
                let quoted = SecretBytes(byteCount: count) { output in
                    output.storeBytes(of: 0x22, toByteOffset: 0, as: UInt8.self)
                    output.storeBytes(of: 0x22, toByteOffset: count - 1, as: UInt8.self)
                    var inner = output._mutatingExtracting(1..<(count - 1))
                    value.withBytes { Base64.standard.encode($0, into: &inner) }
                }
                values.append(Value(quoted))
                ranges[index] = byteCount..<(byteCount + count)
                byteCount += count
            } catch {
                errors[index] = error
            }
        }
    }

    /// Writes all values, one behind the other, from `offset` on.
    func write(into output: inout MutableRawSpan, at offset: Int) {
        var position = offset
        for value in values {
            value.bytes.withBytes { $0.copy(into: &output, at: position) }
            position += value.bytes.byteCount
        }
    }
}
