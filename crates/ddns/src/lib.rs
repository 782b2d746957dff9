//! Lease events to DNS updates, service registration and the cohort gate
