//! The codec: what is refused, what is joined, and that nothing panics.

use proptest::prelude::*;

use super::*;

fn discover() -> Message<'static> {
    Message::request(MessageType::Discover, 7, MacAddr([2, 0, 0, 0, 0, 1]))
}

/// A packet with these octets as its options field.
fn packet(options: &[u8]) -> Vec<u8> {
    let mut bytes = discover().encode();
    bytes.truncate(HEADER_LEN);
    bytes.extend(options);
    bytes
}

fn refused(bytes: &[u8]) -> Malformed {
    Message::decode(bytes).unwrap_err()
}

#[test]
fn a_header_that_is_not_ours_is_refused() {
    let valid = discover().encode();
    let changed = |at: usize, octet: u8| {
        let mut bytes = valid.clone();
        bytes[at] = octet;
        refused(&bytes)
    };
    assert_eq!(changed(0, 0), Malformed::Op);
    assert_eq!(changed(1, 6), Malformed::HardwareType);
    // hlen beyond the field panics dhcproto.
    for hlen in [0, 5, 7, 16, 17, 255] {
        assert_eq!(changed(2, hlen), Malformed::HardwareType);
    }
    assert_eq!(changed(236, 0), Malformed::MagicCookie);
    assert_eq!(refused(&valid[..HEADER_LEN - 1]), Malformed::TooShort);
    assert_eq!(refused(&[]), Malformed::TooShort);
}

#[test]
fn broken_options_are_refused() {
    let cases: [(&[u8], Malformed); 17] = [
        (&[], Malformed::NoEnd),
        (&[53, 1, 1], Malformed::NoEnd),
        (&[53], Malformed::OptionPastEnd),
        (&[53, 1], Malformed::OptionPastEnd),
        (&[53, 1, 1, 12, 9, b'a', 255], Malformed::OptionPastEnd),
        (&[255, 53, 1, 1], Malformed::NoMessageType),
        (&[53, 1, 0, 255], Malformed::MessageType),
        (&[53, 1, 9, 255], Malformed::MessageType),
        (&[53, 0, 255], Malformed::OptionLength),
        (&[53, 1, 1, 53, 1, 3, 255], Malformed::OptionLength),
        (&[53, 1, 1, 50, 3, 1, 2, 3, 255], Malformed::OptionLength),
        (&[53, 1, 1, 6, 0, 255], Malformed::OptionLength),
        (
            &[53, 1, 1, 6, 5, 1, 2, 3, 4, 5, 255],
            Malformed::OptionLength,
        ),
        (&[53, 1, 1, 57, 1, 9, 255], Malformed::OptionLength),
        (&[53, 1, 1, 61, 1, 9, 255], Malformed::ClientId),
        (&[53, 1, 1, 61, 0, 255], Malformed::ClientId),
        (&[53, 1, 1, 52, 1, 4, 255], Malformed::Overload),
    ];
    for (options, malformed) in cases {
        assert_eq!(refused(&packet(options)), malformed, "{options:?}");
    }
}

#[test]
fn a_client_identifier_split_into_more_than_255_octets_is_refused() {
    let piece = [&[61, 200][..], &[1; 200]].concat();
    let options = [&[53, 1, 1][..], &piece, &piece, &[255]].concat();
    assert_eq!(refused(&packet(&options)), Malformed::ClientId);
}

#[test]
fn split_options_join_over_all_areas_in_order() {
    // RFC 3396 §5: the options field, then file, then sname. dhcproto joins neighbours only.
    let mut bytes = packet(&[12, 1, b'a', 53, 1, 1, 52, 1, 3, 12, 1, b'b', 255]);
    bytes[108..112].copy_from_slice(&[12, 1, b'c', 255]);
    bytes[44..48].copy_from_slice(&[12, 1, b'd', 255]);
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.options.text(12), Some("abcd"));
    assert!(message.file.is_empty() && message.sname.is_empty());
    assert!(!message.options.contains(code::OVERLOAD));
}

#[test]
fn an_overloaded_field_must_end_and_cannot_overload_again() {
    let mut bytes = packet(&[53, 1, 1, 52, 1, 1, 255]);
    bytes[108..236].fill(0);
    assert_eq!(refused(&bytes), Malformed::NoEnd);
    bytes[108..112].copy_from_slice(&[52, 1, 2, 255]);
    assert_eq!(refused(&bytes), Malformed::Overload);
    let repeated = packet(&[53, 1, 1, 52, 1, 1, 52, 1, 2, 255]);
    assert_eq!(refused(&repeated), Malformed::Overload);
    // sname is not overloaded here: whatever it carries is a name.
    bytes[108] = 255;
    bytes[44..46].copy_from_slice(b"hi");
    assert_eq!(&*Message::decode(&bytes).unwrap().sname, b"hi");
}

#[test]
fn long_values_are_split_and_option_82_is_last() {
    let mut message = discover();
    message.options.set(code::RELAY_AGENT, vec![9; 300]);
    message.options.set(200, vec![7; 256]);
    message.options.set(code::VENDOR_CLASS, Vec::new());
    let bytes = message.encode();
    let tail = [&[82, 255][..], &[9; 255], &[82, 45], &[9; 45], &[255]].concat();
    assert!(bytes.ends_with(&tail));
    assert_eq!(bytes.len(), message.encoded_len());
    assert_eq!(Message::decode(&bytes), Ok(message));
}

#[test]
fn a_short_message_is_padded_to_the_bootp_minimum() {
    assert_eq!(discover().encode().len(), MESSAGE_LEN_MIN);
}

fn octets(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), len)
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let options = proptest::collection::btree_map(100u8..=254, octets(0..600), 0..8);
    let header = (
        any::<u8>(),
        any::<u32>(),
        any::<u16>(),
        any::<bool>(),
        any::<bool>(),
    );
    let addrs = any::<[u32; 4]>();
    // No NUL: the fields end at the first.
    let name = proptest::collection::vec(1u8..=255, 0..64);
    (header, addrs, any::<[u8; 6]>(), 0usize..8, name, options).prop_map(
        |((hops, xid, secs, broadcast, reply), addrs, mac, kind, name, options)| {
            let mut message = Message::request(MessageType::ALL[kind], xid, MacAddr(mac));
            message.op = if reply { Op::Reply } else { Op::Request };
            (message.hops, message.secs, message.broadcast) = (hops, secs, broadcast);
            let [ciaddr, yiaddr, siaddr, giaddr] = addrs.map(Ipv4Addr::from_bits);
            (message.ciaddr, message.yiaddr) = (ciaddr, yiaddr);
            (message.siaddr, message.giaddr) = (siaddr, giaddr);
            message.file = Cow::Owned(name.clone());
            message.sname = Cow::Owned(name);
            for (code, value) in options {
                message.options.set(code, value);
            }
            message
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(message in message()) {
        let bytes = message.encode();
        prop_assert_eq!(bytes.len(), message.encoded_len().max(MESSAGE_LEN_MIN));
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn no_octets_panic_it(bytes in octets(0..700)) {
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn no_change_to_a_message_panics_it(
        message in message(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = message.encode();
        for (at, octet) in changes {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        let _ = Message::decode(&bytes);
        let _ = Message::decode(&bytes[..cut.index(bytes.len())]);
    }

    /// What is accepted is written as something that reads the same.
    #[test]
    fn options_of_any_shape_read_the_same_again(options in octets(0..200)) {
        let mut field = vec![53, 1, 3];
        field.extend(options);
        field.push(255);
        let bytes = packet(&field);
        if let Ok(message) = Message::decode(&bytes) {
            let again = message.encode();
            prop_assert_eq!(Message::decode(&again), Ok(message));
        }
    }
}
