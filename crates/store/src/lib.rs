//! Durable records: an append-only log with checksums and torn-tail recovery
