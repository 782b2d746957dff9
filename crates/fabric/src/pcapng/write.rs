//! Writes captures.

use std::io::{self, Write};

use super::format::{
    BLOCK_OVERHEAD, BYTE_ORDER_MAGIC, Direction, ENHANCED_PACKET, EPB_FLAGS, IF_NAME, IF_TSRESOL,
    INTERFACE_DESCRIPTION, InterfaceId, LINKTYPE_ETHERNET, NANOSECONDS, OPT_COMMENT, Packet,
    SECTION_HEADER, SHB_USERAPPL,
};

/// Writes a capture.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a capture.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interfaces: 0,
            block: Vec::with_capacity(2048),
        };
        writer
            .block
            .extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        writer.block.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
        writer.block.extend_from_slice(&[0xff; 8]); // a section of unknown length
        writer.option(SHB_USERAPPL, b"quorate");
        writer.end_options();
        writer.write_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Describes one more interface.
    pub fn add_interface(&mut self, name: &str) -> io::Result<InterfaceId> {
        self.block
            .extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        self.block.extend_from_slice(&[0; 2]);
        self.block.extend_from_slice(&[0; 4]); // no limit on the captured length
        self.option(IF_NAME, name.as_bytes());
        self.option(IF_TSRESOL, &[NANOSECONDS]);
        self.end_options();
        self.write_block(INTERFACE_DESCRIPTION)?;
        self.interfaces += 1;
        Ok(InterfaceId(self.interfaces - 1))
    }

    /// Writes down one frame.
    ///
    /// # Panics
    /// When the interface was not described before.
    pub fn write(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let interface = packet.interface.0;
        assert!(interface < self.interfaces, "{interface}");
        let length = u32::try_from(packet.frame.len()).map_err(io::Error::other)?;
        let time_high = (packet.unix_nanos >> 32) as u32;
        let time_low = packet.unix_nanos as u32;
        for word in [interface, time_high, time_low, length, length] {
            self.block.extend_from_slice(&word.to_le_bytes());
        }
        self.block.extend_from_slice(packet.frame);
        self.pad();
        let flags: u32 = match packet.direction {
            Direction::Inbound => 0b01,
            Direction::Outbound => 0b10,
        };
        self.option(EPB_FLAGS, &flags.to_le_bytes());
        if !packet.comment.is_empty() {
            self.option(OPT_COMMENT, packet.comment.as_bytes());
        }
        self.end_options();
        self.write_block(ENHANCED_PACKET)
    }

    /// Hands everything written so far to the operating system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Appends an option, cut to the length that its header can say.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(&value[..usize::from(length)]);
        self.pad();
    }

    fn end_options(&mut self) {
        self.block.extend_from_slice(&[0; 4]);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Frames the block with its type and its length at both ends.
    fn write_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len() + BLOCK_OVERHEAD).map_err(io::Error::other)?;
        let written = self
            .out
            .write_all(&kind.to_le_bytes())
            .and_then(|()| self.out.write_all(&length.to_le_bytes()))
            .and_then(|()| self.out.write_all(&self.block))
            .and_then(|()| self.out.write_all(&length.to_le_bytes()));
        self.block.clear();
        written
    }
}
