//! The UPDATEs a change consists of, and where each reply leads.
//!
//! ```text
//! publish    Claim ──NOERROR────────────────► Point ──NOERROR──► applied
//!              │ YXDOMAIN                       ▲
//!              ▼                                │
//!            Reclaim ──NOERROR──────────────────┘
//!              │ └─NXDOMAIN─► Claim, later      NXRRSET ──► conflict
//!
//! withdraw   Release ──NOERROR──► Forget ──any answer to its prerequisites──► Unpoint ──► applied
//!              └─NXRRSET, NXDOMAIN (not ours) ─────────────────────────────────┘
//!
//! announce   Open ──NOERROR──► applied          (the gated set, whole)
//!              └─YXRRSET─► Compare ──NOERROR──► applied,  NXRRSET ──► conflict
//!            Join ──NOERROR──► applied          (one member, gate off)
//! ```
//!
//! Each may arrive twice, or be sent again after a crash: its prerequisites see to it that the
//! second time ends where the first did. Every other response code means: again, later.

use quorate_dns::client::UpdateRequest;
use quorate_dns::{Name, RecordType, ResponseCode};

use crate::binding::reverse_name;
use crate::{Binding, Config};

/// One UPDATE of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The name does not exist: add A and DHCID (RFC 4703 §5.3.1).
    Claim,
    /// The client had the name before: replace its A (RFC 4703 §5.3.2).
    Reclaim,
    /// Replace the PTR (RFC 4703 §5.4).
    Point,
    /// Delete our A, if the name is still ours (RFC 4703 §5.5).
    Release,
    /// Delete our DHCID, if no address is left at the name.
    Forget,
    /// Delete our PTR.
    Unpoint,
    /// Add the whole set of a service, if none exists.
    Open,
    /// Ask whether the set that exists is ours.
    Compare,
    /// Add the records of one member.
    Join,
}

/// Where a reply leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The step is acknowledged; on to this one.
    Then(Step),
    /// The step met something it cannot be taken over; try this one instead.
    Instead(Step),
    /// The world changed between two steps: take this one, after a pause.
    Over(Step),
    /// The change is acknowledged.
    Applied,
    /// What we want is somebody else's.
    Conflict,
    /// The server could not, or would not.
    Again,
}

impl Step {
    /// The table above.
    pub(crate) fn verdict(self, rcode: ResponseCode) -> Verdict {
        use Verdict::{Again, Applied, Conflict, Instead, Over, Then};
        let is = |expected| rcode == expected;
        let is_ok = is(ResponseCode::NoError);
        match self {
            Self::Claim if is_ok => Then(Self::Point),
            Self::Claim if is(ResponseCode::YXDomain) => Instead(Self::Reclaim),
            Self::Reclaim if is_ok => Then(Self::Point),
            Self::Reclaim if is(ResponseCode::NXRRSet) => Conflict,
            Self::Reclaim if is(ResponseCode::NXDomain) => Over(Self::Claim),
            Self::Release if is_ok => Then(Self::Forget),
            Self::Release if is(ResponseCode::NXRRSet) || is(ResponseCode::NXDomain) => {
                Instead(Self::Unpoint)
            }
            Self::Forget if is_ok || is(ResponseCode::YXRRSet) => Then(Self::Unpoint),
            Self::Forget if is(ResponseCode::NXRRSet) || is(ResponseCode::NXDomain) => {
                Instead(Self::Unpoint)
            }
            Self::Open if is(ResponseCode::YXRRSet) => Instead(Self::Compare),
            Self::Compare if is(ResponseCode::NXRRSet) => Conflict,
            Self::Point | Self::Unpoint | Self::Open | Self::Compare | Self::Join if is_ok => {
                Applied
            }
            Self::Claim
            | Self::Reclaim
            | Self::Point
            | Self::Release
            | Self::Forget
            | Self::Unpoint
            | Self::Open
            | Self::Compare
            | Self::Join => Again,
        }
    }
}

/// What a change wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Publish(Binding),
    Withdraw(Binding),
    /// `service` is its place in the configuration.
    Announce {
        service: usize,
        members: Vec<String>,
    },
}

impl Aim {
    /// The first step; `None` when there is nothing to do.
    pub(crate) fn first_step(&self, config: &Config) -> Option<Step> {
        match self {
            Self::Publish(_) => self.applicable_step(Step::Claim, config),
            Self::Withdraw(_) => self.applicable_step(Step::Release, config),
            Self::Announce { service, .. } if config.services[*service].gate => Some(Step::Open),
            Self::Announce { .. } => Some(Step::Join),
        }
    }

    /// `step`, or the first one behind it that applies to the binding.
    pub(crate) fn applicable_step(&self, step: Step, config: &Config) -> Option<Step> {
        let binding = match self {
            Self::Publish(binding) | Self::Withdraw(binding) => binding,
            Self::Announce { .. } => return Some(step),
        };
        let has_ptr = binding.reverse && config.reverse_zone(binding.addr).is_some();
        match step {
            Step::Claim if !binding.forward => has_ptr.then_some(Step::Point),
            Step::Release if !binding.forward => has_ptr.then_some(Step::Unpoint),
            Step::Point | Step::Unpoint => has_ptr.then_some(step),
            Step::Claim
            | Step::Reclaim
            | Step::Release
            | Step::Forget
            | Step::Open
            | Step::Compare
            | Step::Join => Some(step),
        }
    }

    /// What a person would call the step.
    pub(crate) fn describe(&self, step: Step, config: &Config) -> String {
        match self {
            Self::Publish(Binding { hostname, addr, .. })
            | Self::Withdraw(Binding { hostname, addr, .. }) => match step {
                Step::Claim | Step::Reclaim => format!("add A {hostname} {addr}"),
                Step::Point => format!("add PTR {addr} {hostname}"),
                Step::Release => format!("delete A {hostname} {addr}"),
                Step::Forget => format!("delete DHCID {hostname}"),
                Step::Unpoint => format!("delete PTR {addr} {hostname}"),
                Step::Open | Step::Compare | Step::Join => unreachable!("steps of a service"),
            },
            Self::Announce { service, members } => {
                let label = &config.services[*service].label;
                let verb = if step == Step::Compare {
                    "compare"
                } else {
                    "add"
                };
                format!("{verb} SRV {label} {}", members.join(" "))
            }
        }
    }

    /// The UPDATE of the step.
    pub(crate) fn request(&self, step: Step, id: u16, config: &Config) -> UpdateRequest {
        match self {
            Self::Publish(binding) | Self::Withdraw(binding) => {
                name_request(binding, step, id, config)
            }
            Self::Announce { service, members } => {
                let service = &config.services[*service];
                let targets = || members.iter().map(|hostname| fqdn(hostname, config));
                let set = service.server_set(targets());
                let request = UpdateRequest::new(config.forward_zone.clone(), id);
                let owner = service.server_owner.clone();
                let request = match step {
                    Step::Compare => return request.require_rrset_equals(set.collect()),
                    Step::Open => request.require_rrset_absent(owner, RecordType::SRV),
                    Step::Claim
                    | Step::Reclaim
                    | Step::Point
                    | Step::Release
                    | Step::Forget
                    | Step::Unpoint
                    | Step::Join => request,
                };
                let all = set.chain(service.client_set(targets()));
                all.fold(request, UpdateRequest::add)
            }
        }
    }
}

fn name_request(binding: &Binding, step: Step, id: u16, config: &Config) -> UpdateRequest {
    let owner = fqdn(&binding.hostname, config);
    let a = binding.a_record(&owner, config.ttl_secs);
    let dhcid = binding.dhcid_record(&owner, config.ttl_secs);
    let ptr = binding.ptr_record(&owner, config.ttl_secs);
    let forward = UpdateRequest::new(config.forward_zone.clone(), id);
    let reverse = || {
        let zone = config.reverse_zone(binding.addr);
        UpdateRequest::new(zone.expect("a PTR step has a zone").clone(), id)
    };
    match step {
        Step::Claim => forward.require_name_absent(owner).add(a).add(dhcid),
        Step::Reclaim => forward
            // A name that has just vanished is NXDOMAIN; one that is not ours is NXRRSET.
            .require_name_exists(owner.clone())
            .require_rrset_equals(vec![dhcid])
            .delete_rrset(owner, RecordType::A)
            .add(a),
        Step::Point => reverse()
            .delete_rrset(reverse_name(binding.addr), RecordType::PTR)
            .add(ptr),
        Step::Release => forward.require_rrset_equals(vec![dhcid]).delete_record(a),
        Step::Forget => forward
            .require_rrset_equals(vec![dhcid.clone()])
            .require_rrset_absent(owner.clone(), RecordType::A)
            .require_rrset_absent(owner, RecordType::AAAA)
            .delete_record(dhcid),
        Step::Unpoint => reverse().delete_record(ptr),
        Step::Open | Step::Compare | Step::Join => unreachable!("steps of a service"),
    }
}

fn fqdn(hostname: &str, config: &Config) -> Name {
    config
        .fqdn(hostname)
        .expect("only hostnames that fit are taken on")
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Again, Applied, Conflict, Instead, Over, Then};
    use super::*;

    /// Every step and every response code that RFC 2136 §3 has for it.
    #[test]
    fn each_reply_leads_where_the_picture_says() {
        use ResponseCode::{
            FormErr, NXDomain, NXRRSet, NoError, NotAuth, NotZone, Refused, ServFail, YXDomain,
            YXRRSet,
        };
        let rcodes = [NoError, YXDomain, YXRRSet, NXRRSet, NXDomain];
        let unpoint = Instead(Step::Unpoint);
        let forgotten = Then(Step::Unpoint);
        for (step, verdicts) in [
            (
                Step::Claim,
                [
                    Then(Step::Point),
                    Instead(Step::Reclaim),
                    Again,
                    Again,
                    Again,
                ],
            ),
            (
                Step::Reclaim,
                [Then(Step::Point), Again, Again, Conflict, Over(Step::Claim)],
            ),
            (Step::Point, [Applied, Again, Again, Again, Again]),
            (
                Step::Release,
                [Then(Step::Forget), Again, Again, unpoint, unpoint],
            ),
            (
                Step::Forget,
                [forgotten, Again, forgotten, unpoint, unpoint],
            ),
            (Step::Unpoint, [Applied, Again, Again, Again, Again]),
            (
                Step::Open,
                [Applied, Again, Instead(Step::Compare), Again, Again],
            ),
            (Step::Compare, [Applied, Again, Again, Conflict, Again]),
            (Step::Join, [Applied, Again, Again, Again, Again]),
        ] {
            for (rcode, verdict) in rcodes.into_iter().zip(verdicts) {
                assert_eq!(step.verdict(rcode), verdict, "{step:?} {rcode:?}");
            }
            for rcode in [FormErr, ServFail, Refused, NotAuth, NotZone] {
                assert_eq!(step.verdict(rcode), Again, "{step:?} {rcode:?}");
            }
        }
    }
}
