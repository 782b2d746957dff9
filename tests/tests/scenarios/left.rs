//! What a run could leave behind on this host: processes, namespaces, mounts, interfaces.

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::Failed;

/// A process, distinguished from later ones with its number by when it started.
pub(crate) struct Process {
    pub(crate) pid: u32,
    started: String,
    name: String,
    /// Those that are not ours, as the kernel calls them.
    namespaces: BTreeSet<String>,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        // proc(5): state is field 3, starttime field 22.
        let is_dead = matches!(*fields.first()?, "Z" | "X");
        let name = head.split_once('(')?.1.to_owned();
        (!is_dead).then(|| Self {
            pid,
            started: fields.get(19).map_or_else(String::new, |s| (*s).to_owned()),
            name,
            namespaces: &namespaces(&pid.to_string()) - &namespaces("self"),
        })
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }

    pub(crate) fn lives(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }
}

/// The namespaces of a process, as `net:[4026531840]`.
fn namespaces(pid: &str) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/ns")) else {
        return BTreeSet::new();
    };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.display().to_string()).collect()
}

/// The processes in a namespace that these processes had for themselves.
pub(crate) fn holders_of_namespaces(all: &[Process]) -> Vec<String> {
    let theirs: BTreeSet<&String> = all.iter().flat_map(|one| &one.namespaces).collect();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pids = numbers.filter(|name| name.parse::<u32>().is_ok());
    pids.filter(|pid| namespaces(pid).iter().any(|one| theirs.contains(one)))
        .collect()
}

/// Every process below `root`, which is not among them.
pub(crate) fn descendants(root: u32) -> Vec<Process> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for child in children(pid) {
            found.extend(Process::of(child));
            open.push(child);
        }
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .filter_map(Result::ok)
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What of this host a run could leave something in.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) mounts: BTreeSet<String>,
    pub(crate) interfaces: BTreeSet<String>,
}

impl Host {
    pub(crate) fn look() -> Result<Self, Failed> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let interfaces = fs::read_to_string("/proc/self/net/dev")?;
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_owned());
        Ok(Self {
            mounts: mounts.lines().map(str::to_owned).collect(),
            interfaces: interfaces.lines().filter_map(name).collect(),
        })
    }
}
