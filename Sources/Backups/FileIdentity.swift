package import Files

/// What a name stands for on a file system: the same before and after a rename.
package struct FileIdentity: Hashable, Sendable {
    /// The file system.
    package let device: DeviceNumber
    /// The number on it.
    package let inode: UInt64

    /// The identity of these numbers.
    package init(device: DeviceNumber, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ metadata: FileMetadata) { self.init(device: metadata.device, inode: metadata.inode) }
}
