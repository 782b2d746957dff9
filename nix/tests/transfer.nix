# Knot and BIND as secondaries: signed transfers, and refusal without the key.
{ quorate, lib, ... }:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
  # Nobody's secret: the store is world-readable.
  secret = "zOYgOgnzx3TGe5J5I/0kxd7gTcxXhLYMEq3Ek3fY37s=";
  keyFile = ''key "xfr" { algorithm hmac-sha256; secret "${secret}"; };'';
  secondary = addr: {
    virtualisation.vlans = [ 1 ];
    networking = {
      useDHCP = false;
      firewall.enable = false;
      interfaces.eth1.ipv4.addresses = lib.mkForce [
        {
          address = addr;
          prefixLength = 24;
        }
      ];
    };
  };
in
{
  name = "quorate-transfer";
  nodes = {
    server =
      { pkgs, ... }:
      {
        imports = [ lab.server ];
        services.quorate = {
          credentials."xfr.key" = pkgs.writeText "xfr.key" keyFile;
          dns.settings = {
            key_files = [ "/run/credentials/quorate.service/xfr.key" ];
            transfer = [ { key = "xfr."; } ];
          };
        };
      };
    knot =
      { pkgs, ... }:
      {
        imports = [ (secondary "10.20.0.11") ];
        services.knot = {
          enable = true;
          keyFiles = [
            (pkgs.writeText "xfr.conf" ''
              key:
                - id: xfr
                  algorithm: hmac-sha256
                  secret: ${secret}
            '')
          ];
          settings = {
            server.listen = [ "10.20.0.11@53" ];
            remote.primary = {
              address = [ "10.20.0.2@53" ];
              key = "xfr";
            };
            zone."lab.test".master = "primary";
          };
        };
      };
    bind =
      { pkgs, ... }:
      {
        imports = [ (secondary "10.20.0.12") ];
        services.bind = {
          enable = true;
          listenOn = [ "10.20.0.12" ];
          cacheNetworks = [ "any" ];
          extraConfig = ''
            include "${pkgs.writeText "xfr.key" keyFile}";
            server 10.20.0.2 { keys { xfr; }; };
          '';
          zones."lab.test" = {
            master = false;
            masters = [ "10.20.0.2" ];
            file = "/run/named/lab.test";
          };
        };
      };
  };
  testScript = builtins.readFile ./transfer.py;
}
