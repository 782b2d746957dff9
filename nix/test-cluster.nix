# Three machines that know the domain, and one that serves it.
{
  quorate,
  lib,
  scheme,
}:
let
  lab = import ./test-lab.nix { inherit quorate lib; };
  node = {
    imports = [
      lab.client
      lab.networkd
      quorate.nixosModules.node
    ];
    networking.hostName = lib.mkForce "";
    services.quorate.node = {
      enable = true;
      openFirewall = true;
      settings = {
        discovery_srv = "lab.test";
        peer_scheme = scheme;
      };
    };
    # The lease is known by the MAC address, and so is the name.
    systemd.network.networks."10-eth1".dhcpV4Config.ClientIdentifier = "mac";
  };
  host = number: {
    mac = "52:54:00:12:01:0${toString number}";
    hostname = "n${toString number}";
    class = "etcd";
  };
in
{
  nodes = {
    n1 = node;
    n2 = node;
    n3 = node;
    # After them in the alphabet, on which the machines' MAC addresses depend.
    server = {
      imports = [ lab.server ];
      services.quorate = {
        dhcp.settings = {
          classes = [ { name = "etcd"; } ];
          hosts = map host [
            1
            2
            3
          ];
        };
        ddns.settings.services = [
          {
            name = "etcd";
            class = "etcd";
            members = 3;
            set = if scheme == "https" then "ssl" else "plain";
          }
        ];
      };
    };
  };
  testScript = builtins.readFile ./test-cluster.py;
}
