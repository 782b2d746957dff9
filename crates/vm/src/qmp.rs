//! QEMU's monitor protocol: one JSON object a line, a question and its answer at a time.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A hand on one running QEMU.
#[derive(Debug)]
pub(crate) struct Qmp {
    reader: BufReader<UnixStream>,
    greeted: bool,
    asked: u64,
    /// What has come of a line whose end has not.
    partial: Vec<u8>,
}

impl Qmp {
    /// Speaks to the other end, from the first command on.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(LOOK_AGAIN))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            reader: BufReader::new(stream),
            greeted: false,
            asked: 0,
            partial: Vec::new(),
        })
    }

    /// Has QEMU do something, and waits until it has.
    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        if !self.greeted {
            let greeting = self.line(Instant::now() + PATIENCE)?;
            if greeting.get("QMP").is_none() {
                return Err(bad("not a monitor of QEMU", &greeting));
            }
            self.greeted = true;
            self.ask("qmp_capabilities", json!({}))?;
        }
        self.ask(command, arguments)
    }

    fn ask(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        self.asked += 1;
        let id = self.asked;
        let question = json!({ "execute": command, "arguments": arguments, "id": id });
        let line = format!("{question}\n");
        self.reader.get_mut().write_all(line.as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.line(deadline)?;
            // Everything without our number is an event.
            if answer["id"].as_u64() != Some(id) {
                continue;
            }
            return match answer.get("return") {
                Some(value) => Ok(value.clone()),
                None => Err(bad(command, &answer["error"]["desc"])),
            };
        }
    }

    fn line(&mut self, deadline: Instant) -> io::Result<Value> {
        loop {
            match self.reader.read_until(b'\n', &mut self.partial) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = serde_json::from_slice(&self.partial);
                    self.partial.clear();
                    return Ok(line?);
                }
                Ok(_) => {}
                Err(error) if is_passing(&error) && Instant::now() < deadline => {}
                Err(error) if is_passing(&error) => {
                    let words = "QEMU's monitor does not answer";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, words));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

fn bad(what: &str, said: &Value) -> io::Error {
    let said = said
        .as_str()
        .map_or_else(|| said.to_string(), str::to_owned);
    io::Error::other(format!("QEMU: {what}: {said}"))
}

const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A host that is busy may start QEMU late.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU that greets, and then answers each question with the next of `answers`.
    fn qemu(answers: &'static [&'static str]) -> Qmp {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(theirs.try_clone().unwrap());
            theirs
                .write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n")
                .unwrap();
            for (answer, number) in answers.iter().zip(1..) {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 {
                    return;
                }
                let question: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(question["id"], number);
                // In pieces, as a pipe may have it.
                for piece in answer.as_bytes().chunks(5) {
                    theirs.write_all(piece).unwrap();
                }
            }
        });
        Qmp::new(ours).unwrap()
    }

    #[test]
    fn events_between_question_and_answer_are_left_out() {
        let mut qmp = qemu(&[
            "{\"return\": {}, \"id\": 1}\r\n",
            "{\"event\": \"RESUME\", \"timestamp\": {}}\r\n{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n",
        ]);
        let status = qmp.execute("query-status", json!({})).unwrap();
        assert_eq!(status["status"], "running");
    }

    #[test]
    fn a_refusal_says_why() {
        let mut qmp = qemu(&[
            "{\"return\": {}, \"id\": 1}\r\n",
            "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"Device 'x' not found\"}}\r\n",
        ]);
        let error = qmp.execute("set_link", json!({})).unwrap_err();
        assert_eq!(error.to_string(), "QEMU: set_link: Device 'x' not found");
    }

    #[test]
    fn whoever_hangs_up_or_is_no_qemu_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut qmp = Qmp::new(ours).unwrap();
        assert!(qmp.execute("cont", json!({})).is_err());
        for garbage in ["SSH-2.0-x\r\n", "{}\r\n", "[]\n"] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(garbage.as_bytes()).unwrap();
            let mut qmp = Qmp::new(ours).unwrap();
            assert!(qmp.execute("cont", json!({})).is_err(), "{garbage:?}");
        }
    }
}
