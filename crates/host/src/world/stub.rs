//! DNS questions to the story's server, as a stub resolver asks them.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name, RData, RecordType, text};

/// Asks one server, from the namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct Stub {
    server: SocketAddr,
    socket: UdpSocket,
    next_id: u16,
}

impl Stub {
    pub(super) fn new(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self {
            server,
            socket,
            next_id: 1,
        })
    }

    /// The A records of `name`.
    pub(super) fn forward(&mut self, name: &str) -> io::Result<Vec<Ipv4Addr>> {
        let data = self.ask(name, RecordType::A)?;
        Ok(data
            .into_iter()
            .filter_map(|data| {
                if let RData::A(a) = data {
                    Some(a.0)
                } else {
                    None
                }
            })
            .collect())
    }

    /// The names that `addr` leads back to, without trailing dots.
    pub(super) fn reverse(&mut self, addr: Ipv4Addr) -> io::Result<Vec<String>> {
        let [a, b, c, d] = addr.octets();
        let data = self.ask(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), RecordType::PTR)?;
        Ok(data
            .into_iter()
            .filter_map(|data| {
                if let RData::PTR(ptr) = data {
                    Some(bare(&ptr.0))
                } else {
                    None
                }
            })
            .collect())
    }

    /// Target (without trailing dot) and port of each SRV record of `name`.
    pub(super) fn services(&mut self, name: &str) -> io::Result<Vec<(String, u16)>> {
        let data = self.ask(name, RecordType::SRV)?;
        Ok(data
            .into_iter()
            .filter_map(|data| {
                if let RData::SRV(srv) = data {
                    Some((bare(&srv.target), srv.port))
                } else {
                    None
                }
            })
            .collect())
    }

    fn ask(&mut self, name: &str, kind: RecordType) -> io::Result<Vec<RData>> {
        let name = text::parse_name(name, &Name::root()).map_err(io::Error::other)?;
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let query = encode_query(&name, kind, id);
        let mut answer = self.by_udp(&query, &name, kind, id)?;
        if answer.truncated {
            let bytes = self.by_tcp(&query)?;
            answer = Answer::read(&bytes, &name, kind, id).map_err(io::Error::other)?;
        }
        Ok(answer.data(&name, kind).cloned().collect())
    }

    fn by_udp(&self, query: &[u8], name: &Name, kind: RecordType, id: u16) -> io::Result<Answer> {
        let mut buffer = [0; 1500];
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..ATTEMPTS {
            self.socket.send(query)?;
            let end = Instant::now() + ANSWER_MAX;
            while Instant::now() < end {
                match self.socket.recv(&mut buffer) {
                    // Any other is late, to an earlier question.
                    Ok(len) => {
                        if let Ok(answer) = Answer::read(&buffer[..len], name, kind, id) {
                            return Ok(answer);
                        }
                    }
                    // This process was stopped and goes on (signal(7)).
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        last = error;
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    fn by_tcp(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes(), query].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}

fn bare(name: &Name) -> String {
    text::name(name).trim_end_matches('.').to_owned()
}

const ANSWER_MAX: Duration = Duration::from_secs(1);
const ATTEMPTS: usize = 3;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn answers_to_an_earlier_question_are_passed_over() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut stub = Stub::new(server.local_addr().unwrap()).unwrap();
        let serve = move || {
            let mut buffer = [0; 512];
            // Each question is answered when it comes first, the first of them again and again.
            for times in [1 + ATTEMPTS, 1] {
                let (len, from) = server.recv_from(&mut buffer).unwrap();
                buffer[2] |= QR;
                for _ in 0..times {
                    server.send_to(&buffer[..len], from).unwrap();
                }
            }
        };
        let server = thread::spawn(serve);
        assert_eq!(stub.forward("n1.lab.test").unwrap(), [] as [Ipv4Addr; 0]);
        assert_eq!(stub.forward("n2.lab.test").unwrap(), [] as [Ipv4Addr; 0]);
        server.join().unwrap();
    }

    /// A reply (RFC 1035 §4.1.1).
    const QR: u8 = 0x80;
}
