use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;

use super::*;

/// An image with data at both ends of a long hole, and a disk that held something else.
fn image() -> Vec<u8> {
    let mut image = vec![0; 5 * BLOCK + 100];
    image[..4].copy_from_slice(b"head");
    image[4 * BLOCK + 7] = 1;
    image
}

fn disk(bytes: usize) -> tempfile::NamedTempFile {
    let mut disk = tempfile::NamedTempFile::new().unwrap();
    disk.write_all(&vec![0xff; bytes]).unwrap();
    disk
}

fn compressed(image: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(image).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_byte_of_the_image_is_on_the_disk_and_nothing_else_is_touched() {
    let image = image();
    let disk = disk(image.len() + 512);
    let written = write(&compressed(&image)[..], disk.path()).unwrap();
    assert_eq!(written, image.len() as u64);
    let on_disk = fs::read(disk.path()).unwrap();
    assert!(on_disk[..image.len()] == image);
    assert!(on_disk[image.len()..].iter().all(|byte| *byte == 0xff));
}

#[test]
fn firmware_finds_nothing_on_a_disk_that_is_half_written() {
    let whole = compressed(&image());
    let disk = disk(image().len());
    write(&whole[..whole.len() - 1], disk.path()).unwrap_err();
    let on_disk = fs::read(disk.path()).unwrap();
    assert!(on_disk[..BLOCK] == ZEROS);
    assert_eq!(on_disk[4 * BLOCK + 7], 1);
}

#[test]
fn an_image_that_ends_in_zeros_is_written_to_its_end() {
    let image = vec![0; 2 * BLOCK];
    let disk = disk(image.len());
    write(&compressed(&image)[..], disk.path()).unwrap();
    assert!(fs::read(disk.path()).unwrap() == image);
}

#[test]
fn a_disk_that_is_too_small_is_said_to_be() {
    let disk = disk(BLOCK);
    let error = write(&compressed(&image())[..], disk.path()).unwrap_err();
    assert!(matches!(error, InstallError::TooLarge { .. }), "{error}");
}

#[test]
fn an_image_that_is_cut_off_or_damaged_is_no_success() {
    let whole = compressed(&image());
    let disk = disk(image().len());
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    for broken in [&whole[..whole.len() / 2], &damaged, b"not zstd"] {
        let error = write(broken, disk.path()).unwrap_err();
        assert!(matches!(error, InstallError::Image { .. }), "{error}");
    }
}

#[test]
fn an_image_comes_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/disk.img.zst", listener.local_addr().unwrap());
    let body = compressed(&image());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while !request.next().unwrap().unwrap().is_empty() {}
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    let disk = disk(image().len());
    let mut reported = Vec::new();
    install(&url, disk.path(), |percent| reported.push(percent)).unwrap();
    server.join().unwrap();
    assert!(fs::read(disk.path()).unwrap() == image());
    assert_eq!(reported.last(), Some(&100));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/disk.img.zst", listener.local_addr().unwrap());
    drop(listener);
    let error = install(&url, disk(1).path(), |_| ()).unwrap_err();
    assert!(error.to_string().starts_with(&url), "{error}");
}

#[test]
fn the_first_disk_is_no_partition_and_no_stick() {
    let class = tempfile::tempdir().unwrap();
    let block = |name: &str, device: bool, removable: &str, ro: &str, size: &str| {
        let dir = class.path().join(name);
        fs::create_dir(&dir).unwrap();
        if device {
            symlink("..", dir.join("device")).unwrap();
        }
        for (file, text) in [("removable", removable), ("ro", ro), ("size", size)] {
            fs::write(dir.join(file), format!("{text}\n")).unwrap();
        }
    };
    block("loop0", false, "0", "0", "8");
    block("sda", true, "1", "0", "8");
    block("sr0", true, "0", "1", "8");
    block("nvme0n1", true, "0", "0", "0");
    assert_eq!(disk_in(class.path()), None);
    block("vda", true, "0", "0", "8");
    block("vda1", false, "0", "0", "8");
    block("vdb", true, "0", "0", "8");
    assert_eq!(disk_in(class.path()), Some("/dev/vda".into()));
}
