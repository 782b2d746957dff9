{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:
let
  inherit (lib.importTOML ../Cargo.toml) workspace;
  # The tests of the others make namespaces or speak to foreign programs.
  pure = [
    "await-peers"
    "boot"
    "core"
    "ddns"
    "dhcp"
    "dns"
    "etcd"
    "fabric"
    "node"
    "scenario"
    "server"
    "store"
  ];
in
rustPlatform.buildRustPackage {
  pname = "quorate";
  inherit (workspace.package) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../clippy.toml
      ../pure-clippy.toml
      ../crates
      ../tests
      ../benches
      ../scenarios
      ../packaging
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package=quorate-cli" ];
  cargoTestFlags = map (name: "--package=quorate-${name}") pure;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    install -D -m 444 packaging/quorate.toml $out/share/doc/quorate/examples/quorate.toml
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    QUORATE=$out/bin/quorate bash packaging/files made
    installManPage made/man/*
    installShellCompletion --bash made/completions/quorate
    installShellCompletion --zsh made/completions/_quorate
    installShellCompletion --fish made/completions/quorate.fish
  '';

  meta = {
    description = "From power-on to quorum: DHCP, DNS and seeds, and a harness that proves the chain";
    homepage = workspace.package.repository;
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    mainProgram = "quorate";
    platforms = lib.platforms.linux;
  };
}
