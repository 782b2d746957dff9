//! The node agent: drives one machine's life on a real kernel
