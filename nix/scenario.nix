# A scenario file, run by the harness inside one NixOS machine.
{
  pkgs,
  quorate,
  scenario,
  ...
}:
let
  story = builtins.fromTOML (builtins.readFile scenario);
  name = pkgs.lib.removeSuffix ".toml" (baseNameOf scenario);
  etcd = if story.etcd.version or "3.5" == "3.4" then pkgs.etcd_3_4 else pkgs.etcd_3_5;
  machines = builtins.foldl' (sum: machine: sum + machine.count or 1) 0 story.machines;
  # More than one machine can hold have virtual time.
  world = if machines > 9 then "sim" else "host";
  etcdFlag = if world == "host" then "--etcd ${pkgs.lib.getExe' etcd "etcd"}" else "";
  # Without the gate a cluster splits: the story shows it.
  expected = if story.etcd.gate or true then 0 else 1;
in
{
  name = "quorate-scenario-${name}";
  nodes.machine = {
    virtualisation = {
      cores = 2;
      memorySize = 2048;
    };
    environment.systemPackages = [ quorate.packages.${pkgs.stdenv.hostPlatform.system}.quorate ];
  };
  testScript = ''
    machine.wait_for_unit("multi-user.target")
    status, said = machine.execute(
        "quorate run ${scenario} --world ${world} ${etcdFlag} 2>&1", timeout=300
    )
    assert status == ${toString expected}, f"exit {status}\n{said}"
  '';
}
