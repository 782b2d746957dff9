//! What machines fetch by HTTP: a seed with one etcd in it, an image to install, and what firmware
//! boots that comes to it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;

use quorate_image::Disk;

/// A server for as long as this program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    port: u16,
}

impl Seeds {
    pub(crate) fn serve(disk: &Disk) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let disk = disk.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let disk = disk.clone();
                // A machine that goes away in between is no failure.
                std::thread::spawn(move || answer(stream, &disk, Self { port }));
            }
        });
        Ok(Self { port })
    }

    /// As a machine behind QEMU's own router reaches this host.
    pub(crate) fn url(self, path: &str) -> String {
        format!("http://10.0.2.2:{}/{path}", self.port)
    }

    /// The command line of a machine that installs the image.
    pub(crate) fn installer(self) -> String {
        let image = self.url("disk.img.zst");
        format!("{} quorate.install={image}", quorate_image::COMMAND_LINE)
    }
}

fn answer(mut stream: TcpStream, disk: &Disk, seeds: Seeds) -> io::Result<()> {
    let mut request = BufReader::new(stream.try_clone()?).lines();
    let first = request.next().transpose()?.unwrap_or_default();
    while request
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let text = |text: &str| -> (u64, Box<dyn Read>) {
        let body = Cursor::new(text.to_owned());
        (text.len() as u64, Box::new(body))
    };
    let file = |path: &Path| -> io::Result<(u64, Box<dyn Read>)> {
        let file = File::open(path)?;
        Ok((file.metadata()?.len(), Box::new(file)))
    };
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (length, mut body) = match path {
        "/seed/meta-data" => text("instance-id: metal-1\nlocal-hostname: n1\n"),
        "/seed/user-data" => text(USER_DATA),
        "/installer.ipxe" => text(&format!(
            "#!ipxe\nkernel {} {}\ninitrd {}\nboot\n",
            seeds.url("vmlinuz"),
            seeds.installer(),
            seeds.url("initrd")
        )),
        "/vmlinuz" => file(&disk.image.kernel)?,
        "/initrd" => file(&disk.image.initrd)?,
        "/disk.img.zst" => file(&disk.compressed)?,
        _ => return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    };
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    io::copy(&mut body, &mut stream)?;
    Ok(())
}

/// A cluster of one, which asks nobody; its timing is for machines without hardware of their own.
/// A machine that has nothing but its memory has no file system at /var/lib to report.
const USER_DATA: &str = r#"#cloud-config
write_files:
- path: /etc/systemd/system/etcd.service
  content: |
    [Service]
    ExecStartPre=-/bin/busybox df -k /var/lib
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
