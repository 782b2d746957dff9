//! The wire: Ethernet frames, links with faults, a switch, capture to pcapng
