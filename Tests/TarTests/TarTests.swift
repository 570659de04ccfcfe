// Tar: being built.
