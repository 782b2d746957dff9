//! A client of etcd's HTTP gateway, the JSON face of its gRPC API.

use std::net::Ipv4Addr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quorate_etcd::{ClusterId, MemberId};
use quorate_scenario::story::CLIENT_PORT;
use serde_json::{Value, json};

/// Why a member gave no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    Http(#[from] ureq::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Base64(#[from] base64::DecodeError),
    #[error("knows no leader")]
    NoLeader,
    #[error("a member list without a {0}")]
    Without(&'static str),
}

/// A member's view of its cluster.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) cluster_id: ClusterId,
    pub(super) member_id: MemberId,
    /// The peer URL of each voter, whether it has a name yet or not.
    pub(super) voters: Vec<String>,
}

/// One member's HTTP gateway (the JSON face of etcd's gRPC API), asked from the namespace of
/// the calling thread.
#[derive(Debug)]
pub(super) struct Client {
    base: String,
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(address: Ipv4Addr, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .proxy(None)
            .build();
        Self {
            base: format!("http://{address}:{CLIENT_PORT}/v3"),
            agent: config.into(),
        }
    }

    /// The member list, from a member that knows a leader.
    pub(super) fn view(&self) -> Result<View, ClientError> {
        let status = self.post("maintenance/status", &json!({}))?;
        if status["leader"].as_str().is_none_or(|leader| leader == "0") {
            return Err(ClientError::NoLeader);
        }
        let list = self.post("cluster/member/list", &json!({}))?;
        let id = |name: &str| list["header"][name].as_str().and_then(|id| id.parse().ok());
        let members = list["members"].as_array().map_or(&[][..], Vec::as_slice);
        let voter = |member: &&Value| member["isLearner"].as_bool() != Some(true);
        let url = |member: &Value| {
            member["peerURLs"][0]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Ok(View {
            cluster_id: ClusterId(id("cluster_id").ok_or(ClientError::Without("cluster ID"))?),
            member_id: MemberId(id("member_id").ok_or(ClientError::Without("member ID"))?),
            voters: members.iter().filter(voter).map(url).collect(),
        })
    }

    /// True for the member that leads.
    pub(super) fn leads(&self) -> Result<bool, ClientError> {
        let status = self.post("maintenance/status", &json!({}))?;
        let leader = status["leader"].as_str().filter(|leader| *leader != "0");
        Ok(leader.is_some() && leader == status["header"]["member_id"].as_str())
    }

    pub(super) fn put(&self, key: &str, value: &str) -> Result<(), ClientError> {
        let body = json!({ "key": BASE64.encode(key), "value": BASE64.encode(value) });
        self.post("kv/put", &body).map(drop)
    }

    /// The value of `key`, read through the leader (linearizable).
    pub(super) fn get(&self, key: &str) -> Result<Option<String>, ClientError> {
        let answer = self.post("kv/range", &json!({ "key": BASE64.encode(key) }))?;
        let Some(value) = answer["kvs"][0]["value"].as_str() else {
            return Ok(None);
        };
        let bytes = BASE64.decode(value)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let url = format!("{}/{path}", self.base);
        let mut answer = self.agent.post(&url).send(body.to_string())?;
        let text = answer.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }
}
