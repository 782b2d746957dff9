//! What the targets share: datagrams and time as inputs of an engine under its laws.
//!
//! `quorate_core::laws::obey` runs all inputs twice and checks more than that nothing panics:
//! drains end, spurious timeouts do nothing, deadlines move on, equal runs are equal.

pub mod dhcp;
pub mod zone;

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::Arbitrary;
use quorate_core::laws::Input;
use quorate_core::{Channel, StreamId};

/// One thing that happens to an engine whose messages are `M`.
#[derive(Arbitrary, Debug)]
pub enum Step<M> {
    Message {
        message: M,
        /// To the limited broadcast address; otherwise to the server alone.
        is_broadcast: bool,
        is_stream: bool,
    },
    Sync,
    PassSecs(u16),
    SleepSecs(u16),
}

/// The inputs for `laws::obey`: from `source` to `server`, then everything is synced.
pub fn inputs<M, C>(
    steps: Vec<Step<M>>,
    source: SocketAddr,
    server: SocketAddr,
    encode: impl Fn(M) -> Vec<u8>,
) -> Vec<Input<C>> {
    let secs = |secs: u16| Duration::from_secs(secs.into());
    let input = |step| match step {
        Step::Message {
            message,
            is_broadcast,
            is_stream,
        } => Input::Datagram {
            source,
            destination: if is_broadcast {
                ([255; 4], server.port()).into()
            } else {
                server
            },
            channel: if is_stream {
                Channel::Stream(StreamId(1))
            } else {
                Channel::Udp
            },
            payload: encode(message),
        },
        Step::Sync => Input::Sync,
        Step::PassSecs(n) => Input::Pass(secs(n)),
        Step::SleepSecs(n) => Input::Sleep(secs(n)),
    };
    let inputs = steps.into_iter().map(input);
    inputs.chain([Input::Sync]).collect()
}
