# Three DHCP clients that people have: each gets a lease, a name and its reverse, renews, and
# gives back what it was given.
{ quorate, lib, ... }:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
in
{
  name = "quorate-lease";
  nodes = {
    inherit (lab) server;
    networkd.imports = [
      lab.client
      lab.networkd
    ];
    dhcpcd = {
      imports = [ lab.client ];
      networking.interfaces.eth1.useDHCP = true;
      networking.dhcpcd.enable = true;
    };
    udhcpc =
      { pkgs, ... }:
      {
        imports = [ lab.client ];
        environment.systemPackages = [ pkgs.busybox ];
        environment.etc."udhcpc.script" = {
          mode = "0755";
          text = ''
            #!${pkgs.runtimeShell}
            case $1 in
              bound | renew) ip addr replace "$ip/$mask" dev "$interface" ;;
              deconfig) ip addr flush dev "$interface" ;;
            esac
          '';
        };
      };
  };
  testScript = builtins.readFile ./lease.py;
}
