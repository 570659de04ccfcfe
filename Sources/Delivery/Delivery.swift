// Delivery: being built.
