//! Member and cluster IDs: hashes of what a node saw, and of nothing else.
//!
//! A member is the SHA-1 of its peer URLs and the cluster token, a cluster the SHA-1 of its
//! members' IDs (etcd `membership.computeMemberID`, `RaftCluster.genID`). Neither the member's
//! name nor the time matters when a cluster is bootstrapped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// What etcd uses when `--initial-cluster-token` is not given.
pub const TOKEN_DEFAULT: &str = "etcd-cluster";

/// Identifies one member of a cluster; written in hexadecimal without leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(pub u64);

/// Identifies one cluster; written in hexadecimal without leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(pub u64);

/// The ID of a member with these peer URLs in a cluster with this token.
pub fn member_id<S: AsRef<str>>(peer_urls: &[S], token: &str) -> MemberId {
    let mut sorted: Vec<&str> = peer_urls.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for url in sorted {
        hash.update(url.as_bytes());
    }
    hash.update(token.as_bytes());
    MemberId(leading_u64(hash))
}

/// The ID of a cluster that is bootstrapped with these members, in whatever order.
pub fn cluster_id(members: impl IntoIterator<Item = MemberId>) -> ClusterId {
    let mut sorted: Vec<MemberId> = members.into_iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for member in sorted {
        hash.update(member.0.to_be_bytes());
    }
    ClusterId(leading_u64(hash))
}

/// The ID that a cluster must get when every member has exactly one of these peer URLs.
pub fn expected_cluster_id<S: AsRef<str>>(peer_urls: &[S], token: &str) -> ClusterId {
    cluster_id(
        peer_urls
            .iter()
            .map(|url| member_id(std::slice::from_ref(url), token)),
    )
}

fn leading_u64(hash: Sha1) -> u64 {
    let digest = hash.finalize();
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// The text is not one to sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an etcd ID: write 1 to 16 hexadecimal digits, as in 77755581e0b5e285")]
pub struct IdError;

fn parse_hex(text: &str) -> Result<u64, IdError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
        .ok_or(IdError)
}

macro_rules! hex_id {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self)
            }
        }

        impl TryFrom<String> for $id {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }
    };
}

hex_id!(MemberId);
hex_id!(ClusterId);

#[cfg(test)]
mod tests {
    use super::*;

    /// From etcd's own `TestMemberTime`.
    #[test]
    fn member_ids_are_those_of_etcds_own_tests() {
        let one = member_id(&["http://10.0.0.8:2379"], "");
        assert_eq!(one, MemberId(14_544_069_596_553_697_298));
        let two = ["http://10.0.0.1:2379", "http://10.0.0.2:2379"];
        let swapped = ["http://10.0.0.2:2379", "http://10.0.0.1:2379"];
        assert_eq!(member_id(&two, ""), MemberId(16_552_244_735_972_308_939));
        assert_eq!(member_id(&two, ""), member_id(&swapped, ""));
    }

    /// Read from the logs of three real members (etcd 3.5.16 over http, 3.4.23 over https).
    #[test]
    fn ids_are_those_of_real_clusters() {
        let http = [
            "http://n1.lab:2380",
            "http://n2.lab:2380",
            "http://n3.lab:2380",
        ];
        let members: Vec<String> = http
            .iter()
            .map(|url| member_id(&[url], "tok").to_string())
            .collect();
        assert_eq!(
            members,
            ["b9e775a774e20481", "7c7255ad51becf91", "145ff8a9f7ed95c0"]
        );
        let id = |urls: &[&str]| expected_cluster_id(urls, "tok").to_string();
        assert_eq!(id(&http), "77755581e0b5e285");
        let https = [
            "https://n1.lab:2380",
            "https://n2.lab:2380",
            "https://n3.lab:2380",
        ];
        assert_eq!(id(&https), "f0d706bb520b1c8e");
        assert_eq!(id(&https[..1]), "6e61fffa623a4cae");
        assert_eq!(id(&https[..2]), "a80c9b7dd88e5e83");
    }

    #[test]
    fn an_id_is_written_like_etcd_writes_it_and_read_back() {
        assert_eq!(MemberId(0x0a0b).to_string(), "a0b");
        assert_eq!("a0b".parse(), Ok(ClusterId(0x0a0b)));
        for text in ["", "+1", "0x1", "11112222333344445", "g"] {
            assert_eq!(text.parse::<ClusterId>(), Err(IdError), "{text:?}");
        }
    }
}
