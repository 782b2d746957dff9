//! One run's part of a Docker engine.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_host::machine::BEFORE_MAIN;
use testcontainers::bollard::models::HostConfigLogConfig;
use testcontainers::core::wait::ExitWaitStrategy;
use testcontainers::core::{Mount, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, GenericImage, ImageExt as _};

use crate::boot::{Boot, bind};
use crate::container::Container;
use crate::control::{self, Listener};
use crate::engine::{Engine, EngineError, LABEL, said};
use crate::image::Image;
use crate::machine::{ETCD_VERSION, HIDDEN_VERB, MACHINE, REAPER};
use crate::reaper::{self, Disks, Reaper};

/// Where a run's containers are. Everything of it ends with [`close`](Self::close), or else
/// with this process.
#[derive(Debug)]
pub struct RunContext {
    reaper: Mutex<Option<Reaper>>,
    engine: Arc<Engine>,
    image: Image,
    disks: Disks,
    /// The run's directory, which is also its name for the engine.
    run_dir: PathBuf,
    boot: Boot,
    listener: Mutex<Listener>,
}

impl RunContext {
    /// Sweeps away what dead runs have left, and prepares `run_dir`: a directory that the
    /// engine sees, and that the runner keeps locked for as long as the run lasts.
    ///
    /// # Errors
    /// When files cannot be written, or the engine cannot say what there is.
    pub fn open(
        engine: Arc<Engine>,
        image: Image,
        run_dir: &Path,
        disks: Disks,
    ) -> Result<Self, EngineError> {
        engine.sweep()?;
        let boot = Boot::prepare(&run_dir.join("program"))
            .map_err(EngineError::io("this program, for containers"))?;
        let listener = Listener::open(run_dir.join("control"))
            .map_err(EngineError::io("the control socket"))?;
        Ok(Self {
            reaper: Mutex::new(None),
            engine,
            image,
            disks,
            run_dir: run_dir.to_owned(),
            boot,
            listener: Mutex::new(listener),
        })
    }

    /// Major and minor version of the image's etcd, and the line in which it says so.
    ///
    /// # Errors
    /// When the image cannot be had, or has no etcd.
    pub fn etcd_version(&self) -> Result<((u32, u32), String), EngineError> {
        let bad = |why| EngineError::Image {
            image: self.image.shown(),
            why,
        };
        let exited = WaitFor::exit(ExitWaitStrategy::new().with_exit_code(0));
        let request = self
            .request([ETCD_VERSION], Vec::new(), Lifetime::UntilRemoved)
            .map_err(EngineError::io("a container"))?
            .with_ready_conditions(vec![exited]);
        let output = self.engine.wait(async move {
            let container = request.start().await?;
            let printed = container.stdout_to_vec().await;
            container.rm().await?;
            printed
        });
        let printed = output.map_err(|error| bad(said(error)))?;
        let printed = String::from_utf8_lossy(&printed);
        let version = version(&printed).ok_or_else(|| bad(format!("its etcd says {printed:?}")))?;
        let line = printed.lines().next().unwrap_or_default();
        Ok((version, line.to_owned()))
    }

    /// Starts the containers of machines, each a name and a directory with `disk` and `log`, and
    /// the reaper, all at once. Answers those of the machines when every PID 1 has connected.
    pub(crate) fn start_all(
        &self,
        machines: &[(String, PathBuf)],
    ) -> io::Result<Vec<(Container, UnixStream)>> {
        let everything = bind(&self.run_dir, reaper::RUN_DIR)?;
        let reaper = [REAPER, self.disks.word()];
        let mut requests = vec![self.request(reaper, vec![everything], Lifetime::UntilItEnds)?];
        for (name, dir) in machines {
            requests.push(self.machine(name, dir, 1)?);
        }
        let mut containers = self.start(requests)?.into_iter();
        let reaper = containers.next().expect("one for each request");
        let reaper = Reaper::new(self.wait_for(reaper::NAME)?, reaper);
        *self.reaper.lock().unwrap_or_else(PoisonError::into_inner) = Some(reaper);
        let names = machines.iter().map(|(name, _)| name);
        names
            .zip(containers)
            .map(|(name, container)| Ok((container, self.wait_for(name)?)))
            .collect()
    }

    /// Starts a machine's container for its `boot`-th boot, and waits until its PID 1 has connected.
    pub(crate) fn start_one(
        &self,
        name: &str,
        dir: &Path,
        boot: u32,
    ) -> io::Result<(Container, UnixStream)> {
        let mut containers = self.start(vec![self.machine(name, dir, boot)?])?;
        let container = containers.pop().expect("one for each request");
        Ok((container, self.wait_for(name)?))
    }

    /// Has the reaper clean up, and removes the containers that are left. The directory of the
    /// run is empty then, unless disks are kept.
    ///
    /// # Errors
    /// When containers or files stay.
    pub fn close(self) -> Result<(), EngineError> {
        let reaper = self
            .reaper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut reaper) = reaper {
            reaper.work().map_err(EngineError::io("the reaper"))?;
        }
        self.engine.sweep_run(&self.run_dir)
    }

    fn start(&self, requests: Vec<ContainerRequest<GenericImage>>) -> io::Result<Vec<Container>> {
        Container::start_all(&self.engine, requests).map_err(|error| {
            let refused = EngineError::Refused {
                what: "containers".to_owned(),
                why: said(error),
            };
            io::Error::other(match refused.remedy() {
                Some(remedy) => format!("{refused}\n  {remedy}"),
                None => refused.to_string(),
            })
        })
    }

    fn wait_for(&self, name: &str) -> io::Result<UnixStream> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener.wait_for(name, CALL_MAX).map_err(|error| {
            let hint = "its console.log, or `docker events`, may say why";
            io::Error::new(
                error.kind(),
                format!("PID 1 of {name} does not connect: {error}; {hint}"),
            )
        })
    }

    fn machine(
        &self,
        name: &str,
        dir: &Path,
        boot: u32,
    ) -> io::Result<ContainerRequest<GenericImage>> {
        let mounts = vec![
            bind(&dir.join("disk"), "/var/lib")?,
            bind(&dir.join("log"), "/var/log")?,
        ];
        let run = self.run_dir.file_name().unwrap_or_default();
        let request = self.request([MACHINE, name], mounts, Lifetime::UntilItEnds)?;
        // For people who look; nothing here goes by it. The engine gives a name free some time
        // after its container is gone.
        let again = match boot {
            1 => String::new(),
            boot => format!("-boot-{boot}"),
        };
        Ok(request
            .with_container_name(format!("{}-{name}{again}", run.to_string_lossy()))
            // Gives itself an address, opens packet sockets, and takes the name of its lease.
            .with_cap_add("NET_ADMIN")
            .with_cap_add("NET_RAW")
            .with_cap_add("SYS_ADMIN"))
    }

    /// A container without a network that runs this program in some role.
    fn request<const N: usize>(
        &self,
        role: [&str; N],
        mounts: Vec<Mount>,
        lifetime: Lifetime,
    ) -> io::Result<ContainerRequest<GenericImage>> {
        let mut arguments = self.boot.arguments.clone();
        arguments.push(HIDDEN_VERB.to_owned());
        arguments.extend(role.map(str::to_owned));
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let control = bind(listener.dir(), control::INSIDE)?;
        let run = self.run_dir.display().to_string();
        let mut request = self
            .image
            .generic()
            .with_entrypoint(&self.boot.entrypoint)
            .with_cmd(arguments)
            .with_network("none")
            .with_label(LABEL, run)
            .with_user("0:0")
            // Files of the host are shown to it; SELinux would not let it read them.
            .with_security_opt("label=disable")
            .with_host_config_modifier(move |host| {
                host.publish_all_ports = Some(false);
                host.sysctls = Some(sysctls());
                match lifetime {
                    Lifetime::UntilItEnds => {
                        host.auto_remove = Some(true);
                        // It reports on its control socket and in its logs.
                        host.log_config = Some(HostConfigLogConfig {
                            typ: Some("none".to_owned()),
                            config: None,
                        });
                    }
                    Lifetime::UntilRemoved => {}
                }
            });
        // A program that is not `quorate` takes its part in a container as it does here.
        if std::env::var_os(BEFORE_MAIN).is_some() {
            request = request.with_env_var(BEFORE_MAIN, "1");
        }
        for mount in self
            .boot
            .mounts
            .iter()
            .cloned()
            .chain([control])
            .chain(mounts)
        {
            request = request.with_mount(mount);
        }
        Ok(request)
    }
}

/// When the engine forgets a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    UntilItEnds,
    UntilRemoved,
}

/// IPv6 would speak up on each new link with discovery that no scenario asked for.
fn sysctls() -> HashMap<String, String> {
    let scopes = ["all", "default"].into_iter();
    scopes
        .map(|scope| format!("net.ipv6.conf.{scope}.disable_ipv6"))
        // A kernel without IPv6 does not know them, and the engine then refuses the container.
        .filter(|name| Path::new("/proc/sys").join(name.replace('.', "/")).exists())
        .map(|name| (name, "1".to_owned()))
        .collect()
}

/// The numbers in `etcd Version: 3.5.16`.
fn version(printed: &str) -> Option<(u32, u32)> {
    let line = printed
        .lines()
        .find(|line| line.starts_with("etcd Version:"))?;
    let mut numbers = line.rsplit(' ').next()?.split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

/// An engine that has much to do takes a second for some containers.
const CALL_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_says_its_version() {
        let printed = "etcd Version: 3.5.16\nGit SHA: f20bbad\nGo Version: go1.22.7\n";
        assert_eq!(version(printed), Some((3, 5)));
        assert_eq!(version("etcd Version: 3.6.0-rc.1\n"), Some((3, 6)));
        assert_eq!(version("sh: etcd: not found\n"), None);
    }
}
