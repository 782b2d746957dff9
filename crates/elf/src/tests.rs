use super::*;

#[test]
fn this_program_needs_what_it_runs_with() {
    let program = Program::read(&std::env::current_exe().unwrap()).unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let Some(dynamic) = program.dynamic else {
        // A static test: it must have mapped no library.
        assert!(!maps.contains(".so"));
        return;
    };
    for library in &dynamic.libraries {
        let real = library.canonicalize().unwrap();
        assert!(maps.contains(real.to_str().unwrap()), "{real:?}");
    }
    assert!(!dynamic.libraries.is_empty());
    assert!(dynamic.loader.is_absolute());
    assert!(!dynamic.libraries.contains(&dynamic.loader));
}

#[test]
fn what_is_no_program_is_refused() {
    let error = Program::read(Path::new("/proc/self/status")).unwrap_err();
    assert!(
        error.to_string().starts_with("/proc/self/status: "),
        "{error}"
    );
}

#[test]
fn a_list_of_either_library_is_read() {
    let glibc = "\tlinux-vdso.so.1 (0x00007ffc)\n\
                 \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\
                 \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\
                 \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
    let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
    let found = listed(glibc, loader).unwrap();
    assert_eq!(
        found,
        [
            Path::new("/lib/x86_64-linux-gnu/libgcc_s.so.1"),
            Path::new("/lib/x86_64-linux-gnu/libc.so.6")
        ]
    );
    let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\
                \tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
    let loader = Path::new("/lib/ld-musl-x86_64.so.1");
    assert_eq!(listed(musl, loader).unwrap(), Vec::<PathBuf>::new());
}

#[test]
fn a_missing_library_is_named() {
    let text = "\tlibfoo.so.1 => not found\n";
    let error = listed(text, Path::new("/lib64/ld.so")).unwrap_err();
    assert_eq!(error.to_string(), "libfoo.so.1 is missing");
}

#[test]
fn a_program_that_was_stripped_still_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    let me = std::env::current_exe().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("stripped");
    let mut stripped = strip(&me).unwrap();
    let mut file = File::create(&copy).unwrap();
    let written = io::copy(&mut stripped, &mut file).unwrap();
    drop(file);
    assert_eq!(written, stripped.length());
    assert!(written < std::fs::metadata(&me).unwrap().len());
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&copy).arg("--list").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains("a_program_that_was_stripped_still_runs"));
}

#[test]
fn a_program_that_is_cut_off_is_refused() {
    let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let half = dir.path().join("half");
    std::fs::write(&half, &me[..4096]).unwrap();
    let error = strip(&half).unwrap_err().to_string();
    assert!(error.ends_with("half: the program is cut off"), "{error}");
}

#[test]
fn companions_are_all_that_is_mapped() {
    let program = Program::read(&std::env::current_exe().unwrap()).unwrap();
    let companions = program.companions();
    for library in program.dynamic.iter().flat_map(|one| &one.libraries) {
        assert!(companions.contains(library), "{library:?}");
    }
    assert_eq!(companions.is_empty(), program.dynamic.is_none());
}
