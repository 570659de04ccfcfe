// Compression: being built.
