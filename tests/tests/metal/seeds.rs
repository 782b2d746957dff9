//! What machines fetch by HTTP: a seed with one etcd in it, and an image to install.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;

/// A server for as long as this program runs.
#[derive(Debug)]
pub(crate) struct Seeds {
    port: u16,
}

impl Seeds {
    pub(crate) fn serve(image: Option<PathBuf>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let image = image.clone();
                // A machine that goes away in between is no trouble.
                std::thread::spawn(move || answer(stream, image));
            }
        });
        Ok(Self { port })
    }

    /// As a machine behind QEMU's own router reaches this host.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://10.0.2.2:{}/{path}", self.port)
    }
}

fn answer(mut stream: TcpStream, image: Option<PathBuf>) -> io::Result<()> {
    let mut request = BufReader::new(stream.try_clone()?).lines();
    let first = request.next().transpose()?.unwrap_or_default();
    while request
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let text = |text: &'static str| {
        let body: Box<dyn Read> = Box::new(text.as_bytes());
        (text.len() as u64, body)
    };
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (length, mut body) = match (path, image) {
        ("/seed/meta-data", _) => text("instance-id: metal-1\nlocal-hostname: n1\n"),
        ("/seed/user-data", _) => text(USER_DATA),
        ("/disk.img.zst", Some(path)) => {
            let file = File::open(path)?;
            (file.metadata()?.len(), Box::new(file) as Box<dyn Read>)
        }
        _ => return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    };
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    io::copy(&mut body, &mut stream)?;
    Ok(())
}

/// A cluster of one, which asks nobody; its timing is for machines without hardware of their own.
const USER_DATA: &str = r#"#cloud-config
write_files:
- path: /etc/systemd/system/etcd.service
  content: |
    [Service]
    ExecStart=/opt/etcd/etcd --name n1 --data-dir /var/lib/etcd \
      --heartbeat-interval 500 --election-timeout 5000 \
      --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
      --listen-peer-urls http://127.0.0.1:2380 \
      --initial-advertise-peer-urls http://127.0.0.1:2380 \
      --initial-cluster n1=http://127.0.0.1:2380
    Restart=always
runcmd:
- [systemctl, enable, --now, etcd.service]
"#;
