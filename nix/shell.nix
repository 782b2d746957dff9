# All that building and the tests use; a test that misses something says that it did not run.
{
  mkShell,
  quorate,
  cargo,
  clippy,
  rustfmt,
  rust-analyzer,
  deadnix,
  dig,
  etcd_3_5,
  nixfmt,
  ruff,
  systemd,
  tcpdump,
}:
mkShell {
  inputsFrom = [ quorate ];
  packages = [
    cargo
    clippy
    deadnix
    dig
    etcd_3_5
    nixfmt
    ruff
    rust-analyzer
    rustfmt
    systemd
    tcpdump
  ];
}
