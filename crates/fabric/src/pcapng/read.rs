//! Reads back what [`super::Writer`] writes. Not a reader for everybody's captures: one
//! little-endian section, nanoseconds, and the blocks and options that are written here.

use super::format::{
    BLOCK_OVERHEAD, Direction, ENHANCED_PACKET, EPB_FLAGS, IF_NAME, INTERFACE_DESCRIPTION,
    InterfaceId, OPT_COMMENT, Packet,
};

/// What a capture says about the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// One more interface, numbered in order.
    Interface { name: &'a str },
    /// A frame.
    Packet(Packet<'a>),
}

/// The interfaces and frames of a capture, in order; ends at the first block that is torn.
pub fn blocks(mut bytes: &[u8]) -> impl Iterator<Item = Block<'_>> {
    std::iter::from_fn(move || {
        loop {
            let kind = u32_at(bytes, 0)?;
            let length = u32_at(bytes, 4)? as usize;
            let body = bytes.get(8..length.checked_sub(BLOCK_OVERHEAD - 8)?)?;
            if u32_at(bytes, length - 4)? as usize != length {
                return None;
            }
            bytes = bytes.get(length..)?;
            match kind {
                INTERFACE_DESCRIPTION => return interface(body),
                ENHANCED_PACKET => return packet(body),
                _ => {}
            }
        }
    })
}

fn interface(body: &[u8]) -> Option<Block<'_>> {
    let name = option(body.get(8..)?, IF_NAME)?;
    Some(Block::Interface {
        name: std::str::from_utf8(name).ok()?,
    })
}

fn packet(body: &[u8]) -> Option<Block<'_>> {
    let length = u32_at(body, 12)? as usize;
    let frame = body.get(20..)?.get(..length)?;
    let options = body.get(20 + length.next_multiple_of(4)..)?;
    let direction = match u32_at(option(options, EPB_FLAGS)?, 0)? & 0b11 {
        0b01 => Direction::Inbound,
        _ => Direction::Outbound,
    };
    let comment = option(options, OPT_COMMENT).unwrap_or_default();
    Some(Block::Packet(Packet {
        interface: InterfaceId(u32_at(body, 0)?),
        unix_nanos: u64::from(u32_at(body, 4)?) << 32 | u64::from(u32_at(body, 8)?),
        direction,
        frame,
        comment: std::str::from_utf8(comment).ok()?,
    }))
}

fn option(mut options: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let header = u32_at(options, 0)?;
        let (code, length) = (header as u16, (header >> 16) as usize);
        let value = options.get(4..4 + length)?;
        if code == wanted {
            return Some(value);
        }
        if code == 0 {
            return None;
        }
        options = options.get(4 + length.next_multiple_of(4)..)?;
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
