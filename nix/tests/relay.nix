# A client on another link, behind networkd's relay agent.
{ quorate, lib, ... }:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
in
{
  name = "quorate-relay";
  nodes = {
    server = {
      imports = [ lab.server ];
      networking.interfaces.eth1.ipv4.routes = [
        {
          address = "10.30.0.0";
          prefixLength = 24;
          via = "10.20.0.3";
        }
      ];
      services.quorate.dhcp.settings.subnets = [
        {
          net = "10.20.0.0/24";
          dns = [ "10.20.0.2" ];
          domain = "lab.test";
        }
        {
          net = "10.30.0.0/24";
          pools = [ "10.30.0.100-10.30.0.199" ];
          routers = [ "10.30.0.1" ];
          dns = [ "10.20.0.2" ];
          domain = "lab.test";
        }
      ];
    };
    relay = {
      virtualisation.vlans = [
        1
        2
      ];
      networking = {
        useDHCP = false;
        useNetworkd = true;
        firewall.enable = false;
        interfaces.eth1.ipv4.addresses = lib.mkForce [
          {
            address = "10.20.0.3";
            prefixLength = 24;
          }
        ];
        interfaces.eth2.ipv4.addresses = lib.mkForce [ ];
      };
      boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
      systemd.network.networks."10-eth2" = {
        matchConfig.Name = "eth2";
        address = [ "10.30.0.1/24" ];
        networkConfig.DHCPServer = true;
        dhcpServerConfig = {
          RelayTarget = "10.20.0.2";
          BindToInterface = false;
        };
      };
    };
    client = {
      imports = [
        lab.client
        lab.networkd
      ];
      virtualisation.vlans = [ 2 ];
    };
  };
  testScript = builtins.readFile ./relay.py;
}
