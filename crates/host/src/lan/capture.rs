//! The capture file, written by a thread of its own: a slow disk costs records, which are
//! counted, and never frames.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use super::label::Labels;
use quorate_fabric::PortId;
use quorate_fabric::pcapng::{Direction, InterfaceId, Packet, Writer};

/// The switch's end of the capture.
#[derive(Debug)]
pub(super) struct Capture {
    entries: SyncSender<Entry>,
    writer: JoinHandle<io::Result<()>>,
    dropped: u64,
}

/// One frame to write down.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) port: PortId,
    pub(super) unix_nanos: u64,
    pub(super) direction: Direction,
    pub(super) frame: &'a [u8],
    pub(super) comment: String,
}

#[derive(Debug)]
enum Entry {
    /// The next port; ports and interfaces have the same numbers.
    Interface(String),
    Frame {
        interface: InterfaceId,
        unix_nanos: u64,
        direction: Direction,
        frame: Box<[u8]>,
        comment: String,
    },
}

impl Capture {
    /// Creates the file, or empties it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_LEN, File::create(path)?);
        let file = Writer::new(file)?;
        let (entries, inbox) = sync_channel(ENTRIES_MAX);
        let writer = thread::Builder::new().name("capture".into());
        let writer = writer.spawn(move || write_all(file, &inbox))?;
        Ok(Self {
            entries,
            writer,
            dropped: 0,
        })
    }

    /// The next port is called `name`. Waits for room.
    pub(super) fn add_interface(&self, name: &str) -> io::Result<()> {
        self.entries
            .send(Entry::Interface(name.to_owned()))
            .map_err(|_| io::Error::other("the capture file can no longer be written"))
    }

    /// Writes one frame down, or counts it when there is no room.
    pub(super) fn write(&mut self, record: Record<'_>) {
        let entry = Entry::Frame {
            interface: InterfaceId(record.port.0),
            unix_nanos: record.unix_nanos,
            direction: record.direction,
            frame: record.frame.into(),
            comment: record.comment,
        };
        if self.entries.try_send(entry).is_err() {
            self.dropped += 1;
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Waits until everything is in the file.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.entries);
        self.writer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the capture thread panicked")))
    }
}

fn write_all(mut file: Writer<BufWriter<File>>, inbox: &Receiver<Entry>) -> io::Result<()> {
    let mut labels = Labels::default();
    let mut names: Vec<String> = Vec::new();
    loop {
        let entry = match inbox.try_recv() {
            Ok(entry) => entry,
            // A pause: a reader of the file sees everything so far.
            Err(TryRecvError::Empty) => {
                file.flush()?;
                match inbox.recv() {
                    Ok(entry) => entry,
                    Err(_) => return Ok(()),
                }
            }
            Err(TryRecvError::Disconnected) => return file.flush(),
        };
        match entry {
            Entry::Interface(name) => {
                file.add_interface(&name)?;
                names.push(name);
            }
            Entry::Frame {
                interface,
                unix_nanos,
                direction,
                frame,
                comment,
            } => {
                let label = labels.of(&names[interface.0 as usize], direction, &frame);
                let said = [label, comment];
                let said: Vec<_> = said.into_iter().filter(|said| !said.is_empty()).collect();
                file.write(&Packet {
                    interface,
                    unix_nanos,
                    direction,
                    frame: &frame,
                    comment: &said.join("; "),
                })?;
            }
        }
    }
}

const BUFFER_LEN: usize = 1 << 20;
/// At most some 12 MB of full frames.
const ENTRIES_MAX: usize = 8_192;
