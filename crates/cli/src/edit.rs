//! Scenarios that differ from a file in one thing.

use std::time::Duration;

use toml::{Table, Value};

/// A scenario's text, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Edit(Table);

impl Edit {
    /// Parses what has been read as a story already.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.parse().expect("a story is TOML"))
    }

    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    /// `[etcd] discovery`
    pub(crate) fn set_discovery(&mut self, discovery: &str) {
        if let Some(Value::Table(etcd)) = self.0.get_mut("etcd") {
            etcd.insert("discovery".to_owned(), discovery.into());
        }
    }

    /// The last member gets power so much later than it would, and nothing else happens. Answers
    /// its name; `None` when there is no other member.
    pub(crate) fn delay_last_member(&mut self, late: Duration) -> Option<String> {
        self.0.remove("steps");
        let groups = self.groups()?;
        let is_etcd = |group: &Value| group.get("class").and_then(Value::as_str) == Some("etcd");
        let members: i64 = groups
            .iter()
            .filter(|group| is_etcd(group))
            .map(count)
            .sum();
        let last = groups.iter().rposition(is_etcd).filter(|_| members > 1)?;
        let group = groups.get_mut(last)?.as_table_mut()?;
        let (stem, number) = (group.get("name")?.as_str()?.to_owned(), count_of(group));
        let steps = u32::try_from(number - 1).unwrap_or(0);
        let power_on = duration(group, "power_on") + duration(group, "every") * steps + late;
        let power_on = Value::String(format!("{}ms", power_on.as_millis()));
        if number == 1 {
            group.insert("power_on".to_owned(), power_on);
            return Some(stem);
        }
        let mut alone = group.clone();
        let name = format!("{stem}{number}");
        alone.insert("name".to_owned(), name.clone().into());
        alone.insert("count".to_owned(), 1.into());
        alone.insert("power_on".to_owned(), power_on);
        if number == 2 {
            group.insert("name".to_owned(), format!("{stem}1").into());
        }
        group.insert("count".to_owned(), (number - 1).into());
        groups.insert(last + 1, Value::Table(alone));
        Some(name)
    }

    /// How many machines the group of this name has.
    pub(crate) fn group_count(&mut self, name: &str) -> Option<i64> {
        let found = self.group(name)?;
        Some(count_of(found))
    }

    /// Gives the group of this name so many machines.
    pub(crate) fn set_count(&mut self, name: &str, machines: i64) {
        if let Some(group) = self.group(name) {
            group.insert("count".to_owned(), machines.into());
        }
    }

    /// How many machines of the group of this name get power in a second, at least one.
    pub(crate) fn group_rate(&mut self, name: &str) -> Option<i64> {
        let every = duration(self.group(name)?, "every").as_secs_f64();
        Some(if every > 0.0 {
            (1.0 / every).round().max(1.0) as i64
        } else {
            1
        })
    }

    /// So much later than the one before it each machine of the group of this name gets power,
    /// and at no drawn time.
    pub(crate) fn set_every(&mut self, name: &str, every: Duration) {
        if let Some(group) = self.group(name) {
            group.remove("spread");
            group.insert("every".to_owned(), format!("{}ns", every.as_nanos()).into());
        }
    }

    /// The name of the group that can grow without another cluster: the last plain one.
    pub(crate) fn plain_group(&mut self) -> Option<String> {
        let plain = |group: &&Value| group.get("class").and_then(Value::as_str) == Some("plain");
        let group = self.groups()?.iter().rfind(plain)?;
        Some(group.get("name")?.as_str()?.to_owned())
    }

    /// A prefix with room for any number of machines.
    pub(crate) fn widen_subnet(&mut self) {
        let network = self
            .0
            .entry("network")
            .or_insert(Value::Table(Table::new()));
        if let Value::Table(network) = network {
            network.insert("subnet".to_owned(), "10.64.0.0/16".into());
        }
    }

    fn group(&mut self, name: &str) -> Option<&mut Table> {
        let is_it = |group: &&mut Value| group.get("name").and_then(Value::as_str) == Some(name);
        self.groups()?.iter_mut().find(is_it)?.as_table_mut()
    }

    fn groups(&mut self) -> Option<&mut Vec<Value>> {
        self.0.get_mut("machines")?.as_array_mut()
    }
}

fn count(group: &Value) -> i64 {
    group.as_table().map_or(0, count_of)
}

fn count_of(group: &Table) -> i64 {
    group.get("count").and_then(Value::as_integer).unwrap_or(1)
}

/// A time that a story has read already.
fn duration(group: &Table, key: &str) -> Duration {
    let text = group.get(key).and_then(Value::as_str);
    text.and_then(|text| humantime::parse_duration(text).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use quorate_scenario::Story;

    use super::*;

    fn names(edit: &Edit) -> Vec<String> {
        let story = Story::parse("edited", &edit.text()).unwrap();
        story
            .machines
            .iter()
            .map(|machine| machine.name.clone())
            .collect()
    }

    #[test]
    fn the_last_member_is_late_and_keeps_its_name() {
        for count in 2..4 {
            let text = format!(
                "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = {count}\nclass = \"etcd\"\nevery = \"1s\"\n"
            );
            let mut edit = Edit::new(&text);
            let before = names(&edit);
            let late = edit.delay_last_member(Duration::from_secs(5)).unwrap();
            assert_eq!(late, format!("n{count}"));
            assert_eq!(names(&edit), before);
            let story = Story::parse("edited", &edit.text()).unwrap();
            let on = story
                .machines
                .last()
                .unwrap()
                .power_on(quorate_core::Seed::new(1));
            assert_eq!(on, Duration::from_secs(count - 1 + 5));
        }
    }
}
