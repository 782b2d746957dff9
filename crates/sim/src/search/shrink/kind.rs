//! In what way a run fails.

use quorate_scenario::{Finding, Link, Story};

/// In what way a run fails: the link, and the finding without names and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub link: Link,
    pub what: String,
}

impl Kind {
    /// `the cluster split into 3: …` of one story is `cluster split into` of all, and so is
    /// `cluster c2 split into 2: …`.
    pub fn of(finding: &Finding, story: &Story) -> Self {
        let what = finding.what.split(": ").next().unwrap_or_default();
        let is_name = |word: &str| story.machines.iter().any(|machine| machine.name == word);
        let words = what.split(' ').filter(|word| {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
            *word != "the" && !is_name(bare) && !word.contains(|c: char| c.is_ascii_digit())
        });
        Self {
            link: finding.link,
            what: words.collect::<Vec<_>>().join(" "),
        }
    }
}
