//! The bytes of rtnetlink: requests with nested attributes, and a reader of what comes back.
//!
//! Headers and integers are in host order; every header and attribute starts on four bytes.

/// One request in the making; [`Request::finish`] patches the lengths and gives the bytes.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// A request of `kind` (`RTM_*`) with `flags` (`NLM_F_*`) whose fixed part is `body`.
    pub(crate) fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]); // the length, patched by `finish`
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]); // the sequence, patched by `finish`, and the port
        bytes.extend_from_slice(body);
        let mut request = Self { bytes };
        request.pad();
        request
    }

    /// Appends one attribute.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = ATTRIBUTE_HEADER_LEN + value.len();
        let length = u16::try_from(length).expect("attributes here are names and addresses");
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    /// Appends an attribute whose value is `fixed` followed by the attributes that `fill` adds.
    pub(crate) fn nested(
        mut self,
        kind: u16,
        fixed: &[u8],
        fill: impl FnOnce(Self) -> Self,
    ) -> Self {
        let start = self.bytes.len();
        self = fill(self.attribute(kind, fixed));
        let length = u16::try_from(self.bytes.len() - start).expect("a request is small");
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// The whole message, numbered `sequence`.
    pub(crate) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).expect("a request is small");
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }
}

/// One message as the kernel sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) kind: u16,
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

/// The messages of one read. A truncated one ends the list.
pub(crate) fn replies(mut bytes: &[u8]) -> impl Iterator<Item = Reply<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let message = bytes.get(..length)?;
        let reply = Reply {
            kind: u16_at(message, 4)?,
            sequence: u32_at(message, 8)?,
            body: message.get(MESSAGE_HEADER_LEN..)?,
        };
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(reply)
    })
}

/// The value of the first attribute of `kind` among `bytes`.
pub(crate) fn find_attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(ATTRIBUTE_HEADER_LEN..length)?;
        if u16_at(bytes, 2)? & ATTRIBUTE_KIND_MASK == kind {
            return Some(value);
        }
        bytes = bytes.get(aligned(length)..)?;
    }
}

/// The four bytes at `offset`, in host order.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

const MESSAGE_HEADER_LEN: usize = 16;
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// The two high bits of an attribute's kind are `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const ATTRIBUTE_KIND_MASK: u16 = 0x3fff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_with_its_nested_attributes() {
        let bytes = Request::new(16, 5, &[9; 6])
            .attribute(3, b"p1\0")
            .nested(18, &[], |link| link.attribute(1, b"veth"))
            .attribute(4, &[7; 4])
            .finish(42);
        let mut read = replies(&bytes);
        let reply = read.next().unwrap();
        assert_eq!((reply.kind, reply.sequence), (16, 42));
        assert!(read.next().is_none());
        let attributes = &reply.body[8..];
        assert_eq!(find_attribute(attributes, 3), Some(&b"p1\0"[..]));
        let nested = find_attribute(attributes, 18).unwrap();
        assert_eq!(find_attribute(nested, 1), Some(&b"veth"[..]));
        assert_eq!(find_attribute(attributes, 4), Some(&[7; 4][..]));
        assert_eq!(find_attribute(attributes, 5), None);
    }

    #[test]
    fn truncated_bytes_end_the_reading() {
        let bytes = Request::new(16, 5, &[0; 16])
            .attribute(3, b"eth0\0")
            .finish(1);
        for length in 0..bytes.len() {
            assert_eq!(replies(&bytes[..length]).count(), 0, "{length}");
            find_attribute(&bytes[..length], 0xfff);
        }
        assert_eq!(
            replies(&[0; 64]).count(),
            0,
            "a length of zero must not loop"
        );
        assert_eq!(find_attribute(&[0; 64], 3), None);
    }
}
