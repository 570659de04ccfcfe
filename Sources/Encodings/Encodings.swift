// Encodings: being built.
