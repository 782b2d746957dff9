//! The daemons: engines on real sockets and disks
