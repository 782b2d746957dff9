//! What a capture consists of, and its numbers in the draft.

/// The direction of a frame, seen from the switch (`epb_flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A machine sent it.
    Inbound,
    /// A machine was given it.
    Outbound,
}

/// One interface of one capture, numbered from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(pub u32);

/// One frame to write down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub interface: InterfaceId,
    pub unix_nanos: u64,
    pub direction: Direction,
    pub frame: &'a [u8],
    /// What people should know about it; nothing when empty.
    pub comment: &'a str,
}

/// Type and two lengths around every block.
pub(super) const BLOCK_OVERHEAD: usize = 12;
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const ENHANCED_PACKET: u32 = 6;

pub(super) const OPT_COMMENT: u16 = 1;
pub(super) const SHB_USERAPPL: u16 = 4;
pub(super) const IF_NAME: u16 = 2;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const EPB_FLAGS: u16 = 2;

pub(super) const LINKTYPE_ETHERNET: u16 = 1;
/// Times are in units of 10^-9 seconds.
pub(super) const NANOSECONDS: u8 = 9;
