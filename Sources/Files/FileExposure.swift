/// Who else could read or exchange a file that holds a key: the facts, judged by the caller (CASES.md F031).
package struct FileExposure: Sendable, Hashable {
    /// The file's own facts.
    package let file: FileMetadata
    /// The facts of the directory it stands in.
    package let parent: FileMetadata

    /// Whether group or others may read or write the file.
    package var isOpenToOthers: Bool { file.mode & 0o077 != 0 }

    /// Whether the file belongs to somebody other than `user` and root.
    package func isForeign(to user: UInt32) -> Bool { file.owner.user != user && file.owner.user != 0 }

    /// Whether somebody other than `user` and root can put another file in its place: the directory is
    /// theirs, or group or others may write there and no sticky bit holds them back.
    package func isReplaceable(byOthersThan user: UInt32) -> Bool {
        if parent.owner.user != user && parent.owner.user != 0 { return true }
        return parent.mode & 0o022 != 0 && parent.mode & 0o1000 == 0
    }
}

extension Directory {
    /// How exposed the open file is, which was opened from this directory.
    package borrowing func exposure(of file: borrowing Descriptor) throws(FileError) -> FileExposure {
        FileExposure(file: try file.metadata(), parent: try metadata())
    }
}
