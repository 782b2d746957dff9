//! HTTP fetches on helper threads, so that the loop never waits for a server.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

/// What one fetch may take: the node retries, so a server that hangs must not hold it for long.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest file of a seed.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// The body, or why there is none.
pub(crate) type Outcome = Result<Vec<u8>, ureq::Error>;

/// Fetches under way. Its descriptor is readable when one has ended.
#[derive(Debug)]
pub(crate) struct Fetches {
    agent: ureq::Agent,
    wake: UnixStream,
    waker: UnixStream,
    sender: mpsc::Sender<(String, Outcome)>,
    receiver: mpsc::Receiver<(String, Outcome)>,
}

impl Fetches {
    pub(crate) fn new() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let (sender, receiver) = mpsc::channel();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(FETCH_TIMEOUT))
            // A machine that boots has no proxy, whatever the agent's environment says.
            .proxy(None)
            .max_redirects(3)
            .build();
        Ok(Self {
            agent: config.into(),
            wake,
            waker,
            sender,
            receiver,
        })
    }

    /// Begins to GET `url`.
    pub(crate) fn start(&self, url: String) -> io::Result<()> {
        let mut waker = self.waker.try_clone()?;
        let (agent, sender) = (self.agent.clone(), self.sender.clone());
        std::thread::Builder::new()
            .name("fetch".into())
            .spawn(move || {
                let outcome = get(&agent, &url);
                // Both fail only when the loop has ended, and then the outcome is of no use.
                let _ = sender.send((url, outcome));
                let _ = waker.write_all(&[0]);
            })?;
        Ok(())
    }

    /// The fetches that have ended since the last call.
    pub(crate) fn ended(&mut self) -> Vec<(String, Outcome)> {
        // One byte a fetch; what is left wakes the loop again.
        let _ = self.wake.read(&mut [0; 16]);
        self.receiver.try_iter().collect()
    }
}

impl AsFd for Fetches {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

fn get(agent: &ureq::Agent, url: &str) -> Outcome {
    let mut response = agent.get(url).call()?;
    response
        .body_mut()
        .with_config()
        .limit(BODY_BYTES_MAX)
        .read_to_vec()
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::net::TcpListener;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    /// The outcome of fetching from a server that answers `response` once.
    fn fetch(response: Vec<u8>) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/user-data", listener.local_addr().unwrap());
        let mut fetches = Fetches::new().unwrap();
        fetches.start(url.clone()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = io::BufReader::new(stream.try_clone().unwrap()).lines();
        assert_eq!(request.next().unwrap().unwrap(), "GET /user-data HTTP/1.1");
        while !request.next().unwrap().unwrap().is_empty() {}
        // A client that refuses a large body closes before all of it is written.
        let _ = stream.write_all(&response);
        drop((stream, request));

        let mut fds = [PollFd::new(&fetches, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: 20,
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut fds, Some(&patience)), Ok(1), "it never ended");
        let mut ended = fetches.ended();
        assert_eq!(ended.len(), 1);
        let (of, outcome) = ended.remove(0);
        assert_eq!(of, url);
        outcome
    }

    fn ok(body: &[u8]) -> Vec<u8> {
        let mut response =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        response.extend(body);
        response
    }

    #[test]
    fn a_body_comes_back_whole() {
        let body = b"#cloud-config\n\xff";
        assert_eq!(fetch(ok(body)).unwrap(), body);
        assert_eq!(fetch(ok(b"")).unwrap(), b"");
    }

    #[test]
    fn a_refusal_a_cut_body_and_an_endless_one_are_failures() {
        let error = fetch(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec());
        assert!(error.unwrap_err().to_string().contains("404"));
        assert!(fetch(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()).is_err());
        let large = vec![b'x'; usize::try_from(BODY_BYTES_MAX).unwrap() + 1];
        assert!(fetch(ok(&large)).is_err());
    }
}
