// Sodium: being built.
