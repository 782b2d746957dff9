//! Namespaces, processes and the userspace switch: the world of real machines
