//! What a DHCP message is read as, it is written as.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_dhcp::Message;
use quorate_dhcp::fqdn::ClientFqdn;
use quorate_dhcp::relay::RelayAgent;
use quorate_dhcp::wire::code;
use quorate_fuzz::dhcp::framed;

fuzz_target!(|bytes: &[u8]| {
    // The options that have a structure have decoders of their own.
    let _ = ClientFqdn::decode(bytes);
    let _ = RelayAgent::decode(bytes);
    for bytes in [bytes.to_vec(), framed(bytes.to_vec())] {
        check(&bytes);
    }
});

fn check(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else {
        return;
    };
    let encoded = message.encode();
    assert!(
        encoded.len() >= message.encoded_len(),
        "the length is a lie"
    );
    let again = Message::decode(&encoded).expect("what we write can be read");
    assert_eq!(message, again);
    assert!(!message.options.contains(code::MESSAGE_TYPE));
}
