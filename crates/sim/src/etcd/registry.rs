//! A model of etcd's discovery service: directories in which members write themselves down.
//!
//! What `v2discovery.JoinCluster` does with them is the same in 3.4 and 3.5: a member writes its
//! ID and URL under the cluster's URL, and waits until as many have come as the directory's size
//! says. Who is written down stays so: a member that forgot (its disk was empty when the power
//! failed) meets its own ID, and gives up for ever.

use std::collections::BTreeMap;

use quorate_etcd::{MemberId, PeerUrl};
use thiserror::Error;

/// All directories, by URL.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, Directory>);

/// One cluster's members, in the order in which they came.
#[derive(Debug, Default)]
struct Directory {
    size: usize,
    members: Vec<(MemberId, String, PeerUrl)>,
}

/// What a member writes down at the discovery service.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) url: String,
    pub(crate) id: MemberId,
    pub(crate) name: String,
    pub(crate) peer: Option<PeerUrl>,
    /// The process has done so before.
    pub(crate) is_made: bool,
}

/// Why a member cannot be written down; the text is what etcd prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum JoinError {
    #[error("no peer URL")]
    NoPeerUrl,
    #[error("discovery: size key not found")]
    NoDirectory,
    #[error("discovery: found duplicate id")]
    DuplicateId,
    #[error("failed to join discovery cluster (discovery: cluster is full)")]
    Full,
}

impl Registry {
    /// A directory for `size` members.
    pub(crate) fn make(&mut self, url: String, size: usize) {
        let members = Vec::new();
        self.0.insert(url, Directory { size, members });
    }

    /// Writes a member down.
    pub(crate) fn join(&mut self, member: &Registration) -> Result<(), JoinError> {
        let peer = member.peer.as_ref().ok_or(JoinError::NoPeerUrl)?;
        let directory = self.0.get_mut(&member.url).ok_or(JoinError::NoDirectory)?;
        if directory
            .members
            .iter()
            .any(|(known, ..)| *known == member.id)
        {
            return Err(JoinError::DuplicateId);
        }
        if directory.members.len() >= directory.size {
            return Err(JoinError::Full);
        }
        let member = (member.id, member.name.clone(), peer.clone());
        directory.members.push(member);
        Ok(())
    }

    /// The set, once as many have come as it shall have.
    pub(crate) fn set(&self, url: &str) -> Option<Vec<(String, PeerUrl)>> {
        let directory = self.0.get(url)?;
        let members = directory.members.iter();
        (directory.members.len() == directory.size).then(|| {
            members
                .map(|(_, name, url)| (name.clone(), url.clone()))
                .collect()
        })
    }

    /// Every member that is written down as `name=url`, by directory.
    pub(crate) fn entries(&self, url: &str) -> Vec<String> {
        let members = self.0.get(url).map(|directory| directory.members.iter());
        members
            .into_iter()
            .flatten()
            .map(|(_, name, url)| format!("{name}={url}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://10.77.0.3:2379/v2/keys/discovery/t";

    fn join(registry: &mut Registry, number: u64) -> Result<(), JoinError> {
        let peer = format!("http://n{number}.lab:2380").parse().unwrap();
        registry.join(&Registration {
            url: URL.to_owned(),
            id: MemberId(number),
            name: format!("n{number}"),
            peer: Some(peer),
            is_made: false,
        })
    }

    #[test]
    fn a_set_is_given_out_when_it_is_complete() {
        let mut registry = Registry::default();
        assert_eq!(join(&mut registry, 1), Err(JoinError::NoDirectory));
        registry.make(URL.to_owned(), 2);
        join(&mut registry, 1).unwrap();
        assert_eq!(registry.set(URL), None);
        assert_eq!(join(&mut registry, 1), Err(JoinError::DuplicateId));
        join(&mut registry, 2).unwrap();
        assert_eq!(registry.set(URL).unwrap().len(), 2);
        assert_eq!(join(&mut registry, 3), Err(JoinError::Full));
    }
}
