// Trust: being built.
