//! What must come out of a story, worked out before anything runs.

use quorate_etcd::ClusterId;

use crate::story::{Cluster, Scheme, Story};

/// What the story and the etcd version say must come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// In the order of [`Story::clusters`].
    pub clusters: Vec<ExpectedCluster>,
}

/// What must come out of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedCluster {
    /// Each member's name and peer URL, in the order of the story.
    pub peers: Vec<(String, String)>,
    /// What both IDs are made with beside the peer URLs (see [`Story::token`]).
    pub token: String,
    /// Its directory at etcd's discovery service, in a story that has one.
    pub registry: Option<String>,
    /// The owner of the server SRV set, without a trailing dot.
    pub srv_owner: String,
    pub cluster_id: ClusterId,
}

impl Expected {
    /// Predicts for an etcd of version `major.minor`.
    pub fn new(story: &Story, major: u32, minor: u32) -> Self {
        let scheme = story.etcd.scheme(major, minor);
        Self {
            clusters: story
                .clusters
                .iter()
                .map(|cluster| ExpectedCluster::new(story, cluster, scheme))
                .collect(),
        }
    }

    /// The ID of each cluster.
    pub fn cluster_ids(&self) -> impl Iterator<Item = ClusterId> {
        self.clusters.iter().map(|cluster| cluster.cluster_id)
    }
}

impl ExpectedCluster {
    fn new(story: &Story, cluster: &Cluster, scheme: Scheme) -> Self {
        let peers: Vec<_> = story
            .members_of(cluster)
            .map(|machine| (machine.name.clone(), story.peer_url(machine, scheme)))
            .collect();
        let token = story.token(cluster);
        let ids = peers
            .iter()
            .map(|(_, url)| quorate_etcd::member_id(&[url.as_str()], &token));
        Self {
            cluster_id: quorate_etcd::cluster_id(ids),
            peers,
            token,
            registry: story.registry_url(cluster),
            srv_owner: story.srv_owner(cluster, scheme),
        }
    }
}
