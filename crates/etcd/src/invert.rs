//! A cluster ID back to the peers it was made from.
//!
//! The hash cannot be inverted, but the peers that can have been seen are few: trying all
//! subsets of twenty takes well under a second, and shows which records a node missed.

use sha1::{Digest, Sha1};

use crate::id::{ClusterId, MemberId, member_id};

/// The most candidates whose subsets are tried; 2^20 of them is about a million hashes.
pub const CANDIDATES_MAX: usize = 20;

/// There are too many candidates to try every subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} candidate peers are too many to try every subset (at most {CANDIDATES_MAX})")]
pub struct TooManyCandidates(pub usize);

/// Every subset of `candidates` (one URL a member) that gives the `observed` ID, each in the
/// candidates' order. In practice that is none or one; a second would be a SHA-1 collision.
pub fn invert<S: AsRef<str>>(
    candidates: &[S],
    token: &str,
    observed: ClusterId,
) -> Result<Vec<Vec<String>>, TooManyCandidates> {
    if candidates.len() > CANDIDATES_MAX {
        return Err(TooManyCandidates(candidates.len()));
    }
    // Sorted by ID once, so that every subset comes out in the order in which it is hashed.
    let mut by_id: Vec<(MemberId, usize)> = candidates
        .iter()
        .enumerate()
        .map(|(index, url)| (member_id(std::slice::from_ref(url), token), index))
        .collect();
    by_id.sort_unstable();

    let mut subsets = Vec::new();
    for mask in 1u32..(1 << by_id.len()) {
        let chosen = by_id
            .iter()
            .enumerate()
            .filter(|(bit, _)| mask >> bit & 1 == 1);
        let mut hash = Sha1::new();
        for (_, (member, _)) in chosen.clone() {
            hash.update(member.0.to_be_bytes());
        }
        if hash.finalize()[..8] == observed.0.to_be_bytes() {
            let mut indices: Vec<usize> = chosen.map(|(_, (_, index))| *index).collect();
            indices.sort_unstable();
            let urls = indices.iter().map(|&i| candidates[i].as_ref().to_owned());
            subsets.push(urls.collect());
        }
    }
    Ok(subsets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::expected_cluster_id;

    fn urls(count: usize) -> Vec<String> {
        (1..=count)
            .map(|n| format!("http://n{n}.lab:2380"))
            .collect()
    }

    proptest! {
        #[test]
        fn a_subset_is_found_again(count in 1usize..10, mask in 1u32..1024) {
            let all = urls(count);
            let seen: Vec<String> = all
                .iter()
                .enumerate()
                .filter(|(i, _)| mask >> i & 1 == 1)
                .map(|(_, url)| url.clone())
                .collect();
            prop_assume!(!seen.is_empty());
            let id = expected_cluster_id(&seen, "tok");
            prop_assert_eq!(invert(&all, "tok", id), Ok(vec![seen]));
        }
    }

    #[test]
    fn an_id_made_elsewhere_is_not_found() {
        let foreign = expected_cluster_id(&["http://other:2380"], "tok");
        assert_eq!(invert(&urls(6), "tok", foreign), Ok(vec![]));
        let other_token = expected_cluster_id(&urls(6), "another");
        assert_eq!(invert(&urls(6), "tok", other_token), Ok(vec![]));
    }

    #[test]
    fn too_many_candidates_are_refused() {
        assert_eq!(
            invert(&urls(21), "tok", ClusterId(1)),
            Err(TooManyCandidates(21))
        );
    }
}
