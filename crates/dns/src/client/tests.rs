use super::*;
use crate::fixture::{NOW, key, name, record, script};

#[test]
fn an_update_says_what_was_asked() {
    let request = script(&[
        "yxdomain a",
        "nxdomain b",
        "yxrrset c A",
        "nxrrset d SRV",
        "yxrrset e A 10.0.0.5",
        "add f 30 A 10.0.0.6",
        "delete g A",
        "delete h",
        "delete i A 10.0.0.9",
    ]);
    let message = Message::from_vec(&request.encode(None).bytes).unwrap();
    let shape = |records: &[Record]| -> Vec<String> {
        let show = |r: &Record| {
            let (owner, class, kind) = (r.name.to_ascii(), r.dns_class, r.record_type());
            format!("{owner} {class} {kind} {} {}", r.ttl, r.data)
        };
        records.iter().map(show).collect()
    };
    assert_eq!(message.queries[0].query_type, RecordType::SOA);
    assert_eq!(
        shape(&message.answers),
        [
            "a.lab.example. ANY ANY 0 UPDATE",
            "b.lab.example. NONE ANY 0 UPDATE",
            "c.lab.example. ANY A 0 UPDATE",
            "d.lab.example. NONE SRV 0 UPDATE",
            "e.lab.example. IN A 0 10.0.0.5",
        ]
    );
    assert_eq!(
        shape(&message.authorities),
        [
            "f.lab.example. IN A 30 10.0.0.6",
            "g.lab.example. ANY A 0 UPDATE",
            "h.lab.example. ANY ANY 0 UPDATE",
            "i.lab.example. NONE A 0 10.0.0.9",
        ]
    );
}

#[test]
fn a_relative_name_goes_out_qualified() {
    let relative = Name::from_ascii("x.lab.example").unwrap();
    let request = UpdateRequest::new(Name::from_ascii("lab.example").unwrap(), 1)
        .require_name_absent(relative.clone())
        .delete_name(relative);
    let message = Message::from_vec(&request.encode(None).bytes).unwrap();
    assert_eq!(message.queries[0].name, name("lab.example."));
    assert_eq!(message.answers[0].name, name("x.lab.example."));
}

#[test]
fn only_the_reply_with_the_right_id_flag_and_opcode_is_read() {
    let request = script(&["delete x"]).encode(None);
    let mut reply = Message::response(request.id, OpCode::Update);
    reply.metadata.response_code = ResponseCode::YXDomain;
    let bytes = reply.to_vec().unwrap();
    assert_eq!(
        read_reply(&bytes, &request, None),
        Ok(ResponseCode::YXDomain)
    );
    let wrong = |at: usize, bits: u8| {
        let mut bytes = bytes.clone();
        bytes[at] ^= bits;
        read_reply(&bytes, &request, None)
    };
    for (at, bits) in [(0, 1), (1, 1), (2, 0x80), (2, 0x08)] {
        assert_eq!(wrong(at, bits), Err(ReplyError::Stranger), "{at} {bits:#x}");
    }
    let short = read_reply(&bytes[..11], &request, None);
    assert_eq!(short, Err(ReplyError::Malformed));
    let signed = script(&["delete x"]).encode(Some((&key(), NOW)));
    let unsigned = read_reply(&bytes, &signed, Some((&key(), NOW)));
    let expected = ReplyError::Signature(tsig::BadReply::Unsigned);
    assert_eq!(unsigned, Err(expected));
}

#[test]
fn an_answer_is_read_for_the_question_that_was_asked() {
    let owner = name("n1.lab.example.");
    let query = Message::from_vec(&encode_query(&owner, RecordType::A, 9)).unwrap();
    assert!(query.metadata.recursion_desired);
    assert_eq!(query.max_payload(), PAYLOAD_OCTETS);
    let mut reply = Message::response(9, OpCode::Query);
    reply.metadata.authoritative = true;
    reply.add_query(Query::query(name("N1.lab.example."), RecordType::A));
    reply.add_answer(record("n1 A 10.0.0.1"));
    reply.add_answer(record("n2 A 10.0.0.2"));
    let bytes = reply.to_vec().unwrap();
    let answer = Answer::read(&bytes, &owner, RecordType::A, 9).unwrap();
    assert!(answer.authoritative && !answer.truncated);
    let data: Vec<_> = answer.data(&owner, RecordType::A).collect();
    assert_eq!(data, [&record("n1 A 10.0.0.1").data]);
    let other = |id, name: &Name, kind| Answer::read(&bytes, name, kind, id);
    assert_eq!(other(8, &owner, RecordType::A), Err(ReplyError::Stranger));
    assert_eq!(
        other(9, &owner, RecordType::AAAA),
        Err(ReplyError::Stranger)
    );
    let stranger = name("n2.lab.example.");
    assert_eq!(
        other(9, &stranger, RecordType::A),
        Err(ReplyError::Stranger)
    );
}
