//! The registrar against a real authority in memory.

mod bindings;
mod clocks;
mod faults;
mod gate;
mod laws;
mod names;
mod nsupdate;
mod world;
