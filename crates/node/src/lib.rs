//! One machine's life: lease, name, seed, service, member
