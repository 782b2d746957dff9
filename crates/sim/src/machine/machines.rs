//! All machines of the story, and what names them.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use quorate_core::MacAddr;

use super::Machine;

/// The machines, in the order of the story.
#[derive(Debug)]
pub(crate) struct Machines {
    list: Vec<Machine>,
    by_mac: BTreeMap<MacAddr, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Machines {
    pub(crate) fn new(list: Vec<Machine>) -> Self {
        let numbered = || list.iter().enumerate();
        Self {
            by_mac: numbered().map(|(index, one)| (one.mac(), index)).collect(),
            by_name: numbered()
                .map(|(index, one)| (one.name().to_owned(), index))
                .collect(),
            list,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Machine> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Machine> {
        self.list.iter_mut()
    }

    pub(crate) fn by_mac(&self, mac: MacAddr) -> Option<usize> {
        self.by_mac.get(&mac).copied()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A member that is connected to its leader has what it has.
    pub(crate) fn replicate(&mut self, leader: usize, to: usize) {
        let store = self.list[leader]
            .data_dir
            .as_ref()
            .map(|data_dir| data_dir.store.clone());
        if let (Some(store), Some(data_dir)) = (store, &mut self.list[to].data_dir) {
            data_dir.store = store;
        }
    }
}

impl Index<usize> for Machines {
    type Output = Machine;

    fn index(&self, index: usize) -> &Machine {
        &self.list[index]
    }
}

impl IndexMut<usize> for Machines {
    fn index_mut(&mut self, index: usize) -> &mut Machine {
        &mut self.list[index]
    }
}
