// Keyrings: being built.
