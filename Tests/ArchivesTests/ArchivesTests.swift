// Archives: being built.
