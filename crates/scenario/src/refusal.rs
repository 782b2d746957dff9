//! What of a story a world refuses, known before anything runs.

use std::ops::Range;

use crate::problem::{Problem, StoryError, span};
use crate::story::{Discovery, Story};

/// The worlds, as far as stories differ in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldKind {
    Sim,
    Host,
    Container,
    Vm,
}

impl Story {
    /// Everything of this story that the world refuses, each with its place in the file. `etcd` is
    /// the version that was asked for beside the file, or a path; `None` leaves it to the file.
    pub fn refusals(&self, world: WorldKind, etcd: Option<&str>) -> Vec<Problem> {
        let is_sim = match world {
            WorldKind::Sim => true,
            WorldKind::Host | WorldKind::Container | WorldKind::Vm => false,
        };
        if is_sim {
            return Vec::new();
        }
        let mut refused = Vec::new();
        let mut refuse = |at: Option<&Range<usize>>, message: String, help: &str| {
            let at = at.filter(|at| !at.is_empty());
            refused.push(Problem {
                message: format!("unsupported here: {message}"),
                span: at.map(|at| span(at.clone())),
                help: Some(help.to_owned()),
            });
        };
        let drawn = self.ranges.as_ref();
        let always_racks = drawn.is_some_and(|ranges| *ranges.racks.start() > 0);
        if always_racks || (drawn.is_none() && !self.network.racks.is_empty()) {
            let racks = self.written.racks.as_ref();
            refuse(racks, "racks behind relays".to_owned(), "use --world sim");
        }
        for fault in &self.written.faults {
            refuse(Some(fault), "faults".to_owned(), "use --world sim");
        }
        let asked = etcd.or(self.etcd.version.as_deref());
        if let Some((major, minor)) = asked.and_then(version)
            && self.etcd.discovery == Discovery::Etcd
            && (major, minor) >= V2_REMOVED
        {
            refuse(
                self.written.version.as_ref(),
                format!("discovery = \"etcd\" on etcd {major}.{minor}, which has no v2 registry"),
                "use etcd 3.5 or 3.4 (--etcd 3.5), or another discovery",
            );
        }
        refused
    }

    /// Fails with all [`refusals`](Self::refusals), shown in the file.
    ///
    /// # Errors
    /// When the world refuses something.
    pub fn supported_in(&self, world: WorldKind, etcd: Option<&str>) -> Result<(), StoryError> {
        let problems = self.refusals(world, etcd);
        if problems.is_empty() {
            return Ok(());
        }
        Err(StoryError::new((*self.written.source).clone(), problems))
    }
}

/// `3.6` or `3.6.1`; `None` for what is not a version, such as a path.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

/// etcd 3.6 has no v2 store, and with it no registry of the discovery service.
const V2_REMOVED: (u32, u32) = (3, 6);

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: [WorldKind; 3] = [WorldKind::Host, WorldKind::Container, WorldKind::Vm];

    /// Each refusal, with the text that it points at.
    fn refused(text: &str, world: WorldKind, etcd: Option<&str>) -> Vec<(String, String)> {
        let story = Story::parse("story.toml", text).unwrap();
        let shown = |problem: Problem| {
            let at = problem
                .span
                .map_or("", |span| &text[span.offset()..][..span.len()]);
            (problem.message, at.to_owned())
        };
        story.refusals(world, etcd).into_iter().map(shown).collect()
    }

    #[test]
    fn worlds_of_real_kernels_refuse_racks_and_every_fault() {
        let text = "title = \"x\"\n[etcd]\n[racks]\nmachines = 2\n\
            [[machines]]\nname = \"n\"\ncount = 3\nclass = \"etcd\"\n\
            [[faults]]\nlose = \"DHCP ACK\"\nmachine = \"n1\"\n\
            [[faults]]\nwhat = \"mute\"\nwhom = [\"n1\"]\nlasts = \"1s\"\n";
        for world in REAL {
            let seen = refused(text, world, None);
            let whats: Vec<&str> = seen.iter().map(|(what, _)| what.as_str()).collect();
            let faults = "unsupported here: faults";
            assert_eq!(
                whats,
                ["unsupported here: racks behind relays", faults, faults]
            );
            assert!(seen[0].1.starts_with("[racks]"), "{seen:?}");
            assert!(seen[1].1.starts_with("[[faults]]"), "{seen:?}");
        }
        assert_eq!(refused(text, WorldKind::Sim, None), []);
    }

    #[test]
    fn drawn_racks_are_refused_when_every_seed_has_some() {
        let text = |least: usize| {
            format!(
                "title = \"x\"\n[etcd]\n[network]\nsubnet = \"10.77.0.0/16\"\n\
                [swarm]\nmachines = {{ min = 5, max = 9 }}\nracks = {{ min = {least}, max = 2 }}\n"
            )
        };
        assert_eq!(refused(&text(0), WorldKind::Host, None), []);
        let seen = refused(&text(1), WorldKind::Host, None);
        assert_eq!(seen[0].1, "{ min = 1, max = 2 }");
    }

    #[test]
    fn the_discovery_service_needs_an_etcd_that_has_one() {
        let text = "title = \"x\"\n[etcd]\ndiscovery = \"etcd\"\nversion = \"3.6\"\n\
            [[machines]]\nname = \"n1\"\nclass = \"etcd\"\n";
        for world in REAL {
            let seen = refused(text, world, None);
            assert_eq!(seen.len(), 1);
            assert!(
                seen[0].0.ends_with("etcd 3.6, which has no v2 registry"),
                "{seen:?}"
            );
            assert_eq!(seen[0].1, "\"3.6\"");
            // The command line decides.
            assert_eq!(refused(text, world, Some("3.5.16")), []);
            assert_eq!(refused(text, world, Some("/opt/etcd")), []);
        }
        let newest = text.replace("version = \"3.6\"\n", "");
        assert_eq!(refused(&newest, WorldKind::Host, None), []);
        assert_eq!(refused(&newest, WorldKind::Host, Some("3.6.1")).len(), 1);
    }
}
