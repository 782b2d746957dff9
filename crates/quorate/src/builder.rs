//! A scenario, piece by piece. What it makes is what a file would say, and is checked the same.

use std::time::Duration;

use quorate_scenario::{Outcome, StoryError};
use toml::{Table, Value};

use crate::run::RunError;
use crate::scenario::Scenario;
use crate::world::World;

/// Collects a scenario; see [`Scenario::builder`]. What is not said has the default that the
/// file format has.
#[derive(Clone, Debug)]
pub struct Builder {
    table: Table,
    world: World,
}

/// A group of machines that differ in number and power-on only.
#[derive(Clone, Debug)]
pub struct Group(Table);

/// One thing that happens at one time.
#[derive(Clone, Debug)]
pub struct Step(Table);

impl Scenario {
    /// A scenario, piece by piece.
    pub fn builder(title: impl Into<String>) -> Builder {
        Builder::new(title.into())
    }
}

impl Builder {
    fn new(title: String) -> Self {
        let mut table = Table::new();
        table.insert("title".to_owned(), Value::String(title));
        table.insert("etcd".to_owned(), Value::Table(Table::new()));
        let world = World::Host;
        Self { table, world }
    }

    /// Adds machines. Those of [`Group::etcd`] are the members of the cluster.
    #[must_use]
    pub fn machines(mut self, group: Group) -> Self {
        self.push("machines", group.0);
        self
    }

    /// Adds something that happens.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.push("steps", step.0);
        self
    }

    /// The etcd version, "3.5" or "3.5.16".
    #[must_use]
    pub fn etcd_version(self, version: &str) -> Self {
        self.set("etcd", "version", version)
    }

    /// Whether the SRV set waits until every member resolves.
    #[must_use]
    pub fn gate(self, gate: bool) -> Self {
        self.set("etcd", "gate", gate)
    }

    /// How long a lease lasts.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        self.set("dhcp", "lease", shown(lease))
    }

    /// The IPv4 prefix of the LAN, as in "10.77.0.0/24".
    #[must_use]
    pub fn subnet(self, subnet: &str) -> Self {
        self.set("network", "subnet", subnet)
    }

    /// How long after the last power-on, and after the last step, all must have formed.
    #[must_use]
    pub fn formed_within(self, limit: Duration) -> Self {
        self.set("expect", "formed_within", shown(limit))
    }

    /// Any key of any section of the file format (`quorate schema`).
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let section = self
            .table
            .entry(section)
            .or_insert(Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Where it runs.
    #[must_use]
    pub const fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// The scenario.
    ///
    /// # Errors
    /// With all that is wrong, as for a file.
    pub fn build(self) -> Result<Scenario, StoryError> {
        let text = self.table.to_string();
        Ok(Scenario::parse("the built scenario", &text)?.world(self.world))
    }

    /// Builds the scenario and runs it; see [`Scenario::run`].
    ///
    /// # Errors
    /// Those of [`build`](Self::build) and of [`Scenario::run`].
    pub async fn run(self) -> Result<Outcome, RunError> {
        let scenario = self.build().map_err(Box::new)?;
        scenario.run().await
    }

    fn push(&mut self, list: &str, entry: Table) {
        let list = self.table.entry(list).or_insert(Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::Table(entry));
        }
    }
}

impl Group {
    /// Members of the cluster. `name` is the name of one machine, the stem of several.
    pub fn etcd(name: &str) -> Self {
        Self::new(name, "etcd")
    }

    /// Machines that lease an address and get a name.
    pub fn plain(name: &str) -> Self {
        Self::new(name, "plain")
    }

    fn new(name: &str, class: &str) -> Self {
        let mut table = Table::new();
        table.insert("name".to_owned(), name.into());
        table.insert("class".to_owned(), class.into());
        Self(table)
    }

    /// How many.
    #[must_use]
    pub fn count(self, count: u32) -> Self {
        self.set("count", i64::from(count))
    }

    /// When the first one is switched on.
    #[must_use]
    pub fn power_on(self, after: Duration) -> Self {
        self.set("power_on", shown(after))
    }

    /// The time from one power-on to the next.
    #[must_use]
    pub fn every(self, period: Duration) -> Self {
        self.set("every", shown(period))
    }

    /// Adds to each power-on a time drawn from zero to this.
    #[must_use]
    pub fn spread(self, most: Duration) -> Self {
        self.set("spread", shown(most))
    }

    /// Any key of a group.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }
}

impl Step {
    /// At this time from the start, `action` ("power-off", "link-down", …; see `quorate schema`).
    pub fn at(time: Duration, action: &str) -> Self {
        Self::new("at", time, action)
    }

    /// This long after the cluster had formed.
    pub fn after_formed(time: Duration, action: &str) -> Self {
        Self::new("after_formed", time, action)
    }

    fn new(moment: &str, time: Duration, action: &str) -> Self {
        let mut table = Table::new();
        table.insert(moment.to_owned(), shown(time).into());
        table.insert("do".to_owned(), action.into());
        Self(table)
    }

    /// To this machine.
    #[must_use]
    pub fn machine(self, name: &str) -> Self {
        self.set("machine", name)
    }

    /// Any key of a step.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }
}

/// As the file format writes it.
fn shown(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
