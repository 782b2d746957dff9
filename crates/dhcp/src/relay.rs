//! Relay agent information, option 82 (RFC 3046).

use std::net::Ipv4Addr;

/// The sub-options that decide something; the rest is echoed unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayAgent {
    /// Sub-option 1: the port the request came in by.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2: the far end of that port.
    pub remote_id: Option<Vec<u8>>,
    /// Sub-option 5: the subnet to serve in the place of giaddr's (RFC 3527).
    pub link_selection: Option<Ipv4Addr>,
    /// Sub-option 11: the server identifier that replies shall carry (RFC 5107).
    pub server_id_override: Option<Ipv4Addr>,
}

impl RelayAgent {
    /// Reads the option; `None` when its sub-options do not fill it exactly.
    pub fn decode(mut value: &[u8]) -> Option<Self> {
        let mut agent = Self::default();
        while let [code, rest @ ..] = value {
            let (len, rest) = rest.split_first()?;
            let data = rest.get(..usize::from(*len))?;
            match code {
                1 => agent.circuit_id = Some(data.to_vec()),
                2 => agent.remote_id = Some(data.to_vec()),
                5 => agent.link_selection = Some(addr(data)?),
                11 => agent.server_id_override = Some(addr(data)?),
                _ => {}
            }
            value = &rest[usize::from(*len)..];
        }
        Some(agent)
    }
}

fn addr(data: &[u8]) -> Option<Ipv4Addr> {
    Some(<[u8; 4]>::try_from(data).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_options_are_read_and_unknown_ones_passed_over() {
        let value = [1, 2, 7, 8, 99, 1, 0, 5, 4, 10, 1, 0, 0, 11, 4, 10, 1, 0, 1];
        let expected = RelayAgent {
            circuit_id: Some(vec![7, 8]),
            remote_id: None,
            link_selection: Some([10, 1, 0, 0].into()),
            server_id_override: Some([10, 1, 0, 1].into()),
        };
        assert_eq!(RelayAgent::decode(&value), Some(expected));
    }

    #[test]
    fn sub_options_that_do_not_fit_are_refused() {
        for value in [&[1][..], &[1, 2, 7], &[5, 3, 1, 2, 3], &[11, 0]] {
            assert_eq!(RelayAgent::decode(value), None, "{value:?}");
        }
    }
}
