//! The drivers that the image brings, for what the kernel has none built in.
//!
//! Every device says what it is (its *modalias*), and every module which devices it is for; a
//! module is loaded when there is such a device, and after all that it needs. What appears then,
//! a bus and the devices on it, says what it is in turn.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::stage;

/// A module of the image, one line of [`MODULES`](crate::MODULES).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where it lies on the machine.
    pub path: String,
    /// The names of modules that are loaded before.
    pub needs: Vec<String>,
    /// Patterns of the devices that it is for.
    pub aliases: Vec<String>,
    /// It is for no device, and always wanted.
    pub always: bool,
}

impl Module {
    /// The line that says it: fields are parted by tabs, words in them by spaces.
    pub fn line(&self) -> String {
        let always = if self.always { "always" } else { "" };
        let (needs, aliases) = (self.needs.join(" "), self.aliases.join(" "));
        format!("{}\t{always}\t{needs}\t{aliases}", self.path)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let path = fields.next().filter(|path| !path.is_empty())?;
        let always = fields.next()? == "always";
        let mut words = || -> Option<Vec<String>> {
            let words = fields.next()?.split(' ').filter(|word| !word.is_empty());
            Some(words.map(str::to_owned).collect())
        };
        Some(Self {
            path: path.to_owned(),
            needs: words()?,
            aliases: words()?,
            always,
        })
    }

    /// Its name: hyphens and underscores are the same.
    fn name(&self) -> String {
        name_of(Path::new(&self.path))
    }

    fn is_for(&self, devices: &BTreeSet<String>) -> bool {
        let any = |alias: &String| devices.iter().any(|device| matches(alias, device));
        self.always || self.aliases.iter().any(any)
    }
}

/// The name of the module in a file.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().replace('-', "_")
}

/// The modules of the image that are not loaded.
#[derive(Debug)]
pub(crate) struct Drivers {
    waiting: Vec<Module>,
    buses: PathBuf,
}

impl Drivers {
    /// What `list` names. A machine may well come up without any.
    pub(crate) fn read(list: &Path) -> Self {
        let text = fs::read_to_string(list).unwrap_or_else(|error| {
            stage::say(&format!("{}: {error}", list.display()));
            String::new()
        });
        Self {
            waiting: text.lines().filter_map(Module::parse).collect(),
            buses: "/sys/bus".into(),
        }
    }

    /// Loads what there are devices for by now.
    pub(crate) fn load_matching(&mut self) {
        self.load_with(|path| {
            let loaded = File::open(path).map_err(|error| error.to_string());
            let loaded = loaded.and_then(|file| {
                match rustix::system::finit_module(file, c"", 0) {
                    // It is there already.
                    Ok(()) | Err(Errno::EXIST) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            });
            if let Err(error) = loaded {
                stage::say(&format!("{path}: {error}"));
            }
        });
    }

    fn load_with(&mut self, mut load: impl FnMut(&str)) {
        loop {
            let devices = devices(&self.buses);
            let wanted = self.waiting.iter().filter(|module| module.is_for(&devices));
            let names: Vec<_> = wanted.map(Module::name).collect();
            if names.is_empty() {
                return;
            }
            for name in names {
                self.load(&name, &mut load);
            }
        }
    }

    /// Loads a module after what it needs, once; whatever comes of it, it waits no longer.
    fn load(&mut self, name: &str, load: &mut impl FnMut(&str)) {
        let place = self.waiting.iter().position(|module| module.name() == name);
        let Some(place) = place else {
            return;
        };
        let module = self.waiting.remove(place);
        for needed in &module.needs {
            self.load(needed, load);
        }
        load(&module.path);
    }
}

/// What the devices of all buses say that they are.
fn devices(buses: &Path) -> BTreeSet<String> {
    let entries = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    let devices = entries(buses.to_owned()).flat_map(|bus| entries(bus.path().join("devices")));
    let said = devices.filter_map(|device| fs::read_to_string(device.path().join("modalias")).ok());
    let said = said.map(|text| text.trim().to_owned());
    said.filter(|text| !text.is_empty()).collect()
}

/// Whether a module's pattern is for this device: `*` is anything, `?` one character
/// (modprobe uses fnmatch(3); classes of characters occur for no bus that is looked at here).
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut taken) = (0, 0);
    // Where the last star was, and how much of the text it has taken.
    let mut star = None;
    while taken < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, taken));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[taken] => {
                at += 1;
                taken += 1;
            }
            Some(_) | None => {
                let Some((place, covered)) = star else {
                    return false;
                };
                star = Some((place, covered + 1));
                (at, taken) = (place + 1, covered + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
