# What the tests share: a server at 10.20.0.2 on vlan 1, and clients that know nothing.
{ quorate, lib }:
{
  server =
    { pkgs, ... }:
    {
      imports = [ quorate.nixosModules.default ];

      virtualisation.vlans = lib.mkDefault [ 1 ];
      networking = {
        useDHCP = false;
        useNetworkd = true;
        interfaces.eth1.ipv4.addresses = lib.mkForce [
          {
            address = "10.20.0.2";
            prefixLength = 24;
          }
        ];
      };

      services.quorate = {
        dhcp = {
          enable = true;
          openFirewall = true;
          settings = {
            interface = "eth1";
            server_id = "10.20.0.2";
            subnets = lib.mkDefault [
              {
                net = "10.20.0.0/24";
                pools = [ "10.20.0.100-10.20.0.199" ];
                dns = [ "10.20.0.2" ];
                domain = "lab.test";
                lease_secs = 300;
              }
            ];
            classes = lib.mkDefault [
              {
                name = "any";
                client_hostname = true;
              }
            ];
          };
        };
        dns = {
          enable = true;
          openFirewall = true;
          settings = {
            listen = [ "10.20.0.2:53" ];
            zones = [
              {
                name = "lab.test";
                bootstrap = true;
                primary_ns = "ns";
                records = [ "ns 60 IN A 10.20.0.2" ];
              }
              {
                name = "0.20.10.in-addr.arpa";
                primary_ns = "ns.lab.test.";
              }
            ];
          };
        };
        ddns = {
          enable = true;
          settings = {
            server = "10.20.0.2:53";
            forward_zone = "lab.test";
            reverse_zones = [ "0.20.10.in-addr.arpa" ];
          };
        };
      };
      environment.systemPackages = [
        pkgs.curl
        pkgs.dig
      ];
    };

  # A machine with a cable and no address; what asks for a lease comes with the test.
  client = {
    virtualisation.vlans = lib.mkDefault [ 1 ];
    networking = {
      useDHCP = false;
      interfaces.eth1.ipv4.addresses = lib.mkForce [ ];
      interfaces.eth1.ipv6.addresses = lib.mkForce [ ];
    };
  };

  networkd = {
    networking.useNetworkd = true;
    systemd.network.networks."10-eth1" = {
      matchConfig.Name = "eth1";
      networkConfig.DHCP = "ipv4";
      linkConfig.RequiredForOnline = "routable";
    };
  };
}
